// The camera: frames are decoded by the browser's BarcodeDetector, else by the service.
const PAUSE_MILLISECONDS = 80;
const GONE_MILLISECONDS = 1000; // a code that stays in view is one scan
const SIDE = 640; // of the square in the middle that is sent to the service
const QUALITY = 0.6;

export const hasCamera = () => Boolean(navigator.mediaDevices?.getUserMedia);

async function chooseDecoder(video, sendPicture) {
  if ("BarcodeDetector" in globalThis && (await BarcodeDetector.getSupportedFormats()).includes("qr_code")) {
    const detector = new BarcodeDetector({ formats: ["qr_code"] });
    return async () => (await detector.detect(video))[0]?.rawValue ?? "";
  }
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE;
  const context = canvas.getContext("2d");
  return async () => {
    const side = Math.min(video.videoWidth, video.videoHeight);
    if (!side) return "";
    const left = (video.videoWidth - side) / 2, top = (video.videoHeight - side) / 2;
    context.drawImage(video, left, top, side, side, 0, 0, SIDE, SIDE);
    return sendPicture(await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY)));
  };
}

// Shows the camera in `video` and calls `onText` for each code that comes into view; `sendPicture`
// returns the text in a picture. Returns a function that stops it. Throws if the camera is refused.
export async function startCamera(video, { onText, sendPicture, onLost }) {
  const stream = await navigator.mediaDevices.getUserMedia({
    video: { facingMode: "environment", width: { ideal: 1280 }, height: { ideal: 720 } },
  });
  video.srcObject = stream;
  await video.play();
  const decode = await chooseDecoder(video, sendPicture);
  let isRunning = true, last = "", seenAt = 0;
  async function look() {
    if (!isRunning) return;
    try {
      const text = await decode();
      if (text && (text !== last || Date.now() - seenAt > GONE_MILLISECONDS)) onText(text);
      if (text) { last = text; seenAt = Date.now(); }
    } catch (error) {
      onLost(error);
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
