// A classic worker: reads QR codes with zxing-wasm, whose files a checkout without network lacks.
importScripts("zxing.js");
ZXingWASM.prepareZXingModule({ overrides: { locateFile: (name) => name } });

onmessage = async ({ data: { number, image } }) => {
  try {
    const found = await ZXingWASM.readBarcodes(image, { formats: ["QRCode"], maxNumberOfSymbols: 1 });
    postMessage({ number, text: found[0]?.text ?? "" });
  } catch (error) {
    postMessage({ number, error: error.message });
  }
};
