// The camera: frames are decoded by the browser's BarcodeDetector, else by zxing-wasm, else by the service.
const PAUSE_MILLISECONDS = 80;
const GONE_MILLISECONDS = 1000; // a code that stays in view is one scan
const SIDE = 640; // of the square in the middle that is decoded
const QUALITY = 0.6;

export const hasCamera = () => Boolean(navigator.mediaDevices?.getUserMedia);

// Returns a function that decodes an image in a worker; null where zxing-wasm is missing or does not run.
async function startWorker() {
  const worker = new Worker("decoder.js"), waiting = new Map();
  let count = 0;
  const end = (message) => {
    for (const { reject } of waiting.values()) reject(new Error(message));
    waiting.clear();
  };
  worker.onerror = (event) => { event.preventDefault(); end("the decoder ended"); };
  worker.onmessage = ({ data: { number, text, error } }) => {
    const { resolve, reject } = waiting.get(number);
    waiting.delete(number);
    if (error) reject(new Error(error));
    else resolve(text);
  };
  const decode = (image) => new Promise((resolve, reject) => {
    waiting.set(++count, { resolve, reject });
    worker.postMessage({ number: count, image });
  });
  try {
    await decode(new ImageData(SIDE, SIDE)); // the first one compiles, which takes a second
    return { decode, stop: () => worker.terminate() };
  } catch {
    worker.terminate();
    return null;
  }
}

const nothing = () => {};

async function chooseDecoder(video, sendPicture) {
  if ("BarcodeDetector" in globalThis && (await BarcodeDetector.getSupportedFormats()).includes("qr_code")) {
    const detector = new BarcodeDetector({ formats: ["qr_code"] });
    return { decode: async () => (await detector.detect(video))[0]?.rawValue ?? "", stop: nothing };
  }
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const worker = await startWorker();
  document.body.dataset.decoder = worker ? "zxing" : "service";
  const decode = async () => {
    const side = Math.min(video.videoWidth, video.videoHeight);
    if (!side) return "";
    const left = (video.videoWidth - side) / 2, top = (video.videoHeight - side) / 2;
    context.drawImage(video, left, top, side, side, 0, 0, SIDE, SIDE);
    if (worker) return worker.decode(context.getImageData(0, 0, SIDE, SIDE));
    return sendPicture(await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY)));
  };
  return { decode, stop: worker?.stop ?? nothing };
}

// Shows the camera in `video` and calls `onText` for each code that comes into view; `sendPicture`
// returns the text in a picture. Returns a function that stops it. Throws if the camera is refused.
export async function startCamera(video, { onText, sendPicture, onLost }) {
  const stream = await navigator.mediaDevices.getUserMedia({
    video: { facingMode: "environment", width: { ideal: 1280 }, height: { ideal: 720 } },
  });
  video.srcObject = stream;
  await video.play();
  const decoder = await chooseDecoder(video, sendPicture);
  let isRunning = true, last = "", seenAt = 0;
  async function look() {
    if (!isRunning) return;
    try {
      const text = await decoder.decode();
      if (!isRunning) return;
      if (text && (text !== last || Date.now() - seenAt > GONE_MILLISECONDS)) onText(text);
      if (text) { last = text; seenAt = Date.now(); }
    } catch (error) {
      if (isRunning) onLost(error);
    }
    setTimeout(look, PAUSE_MILLISECONDS);
  }
  look();
  return () => {
    isRunning = false;
    decoder.stop();
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
  };
}
