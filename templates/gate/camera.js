// The camera: frames are decoded by the browser's BarcodeDetector.
const PAUSE_MILLISECONDS = 80;
const GONE_MILLISECONDS = 1000; // a code that stays in view is one scan

export async function canDecode() {
  if (!("BarcodeDetector" in globalThis)) return false;
  return (await BarcodeDetector.getSupportedFormats()).includes("qr_code");
}

// Shows the camera in `video` and calls `onText` for each code that comes into view. Returns a
// function that stops it. Throws if the camera is refused.
export async function startCamera(video, onText) {
  const stream = await navigator.mediaDevices.getUserMedia({
    video: { facingMode: "environment", width: { ideal: 1280 }, height: { ideal: 720 } },
  });
  const detector = new BarcodeDetector({ formats: ["qr_code"] });
  video.srcObject = stream;
  await video.play();
  let isRunning = true, last = "", seenAt = 0;
  async function look() {
    if (!isRunning) return;
    try {
      const [code] = await detector.detect(video);
      const text = code?.rawValue ?? "";
      if (text && (text !== last || Date.now() - seenAt > GONE_MILLISECONDS)) onText(text);
      if (text) { last = text; seenAt = Date.now(); }
    } catch {
      // no frame yet
    }
    setTimeout(look, PAUSE_MILLISECONDS);
  }
  look();
  return () => {
    isRunning = false;
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
  };
}
