// Sound and vibration of a verdict; colour and words carry it, too.
let audio = null;

// Browsers allow sound only after a touch.
export function allowSound() {
  audio ??= "AudioContext" in globalThis ? new AudioContext() : null;
  audio?.resume();
}

function tone(frequency, start, seconds) {
  const oscillator = audio.createOscillator();
  const volume = audio.createGain();
  oscillator.frequency.value = frequency;
  volume.gain.value = 0.15;
  oscillator.connect(volume).connect(audio.destination);
  oscillator.start(audio.currentTime + start);
  oscillator.stop(audio.currentTime + start + seconds);
}

export function announce(isAdmitted) {
  navigator.vibrate?.(isAdmitted ? 80 : [200, 80, 200]);
  if (audio?.state !== "running") return;
  if (isAdmitted) tone(880, 0, 0.12);
  else for (const start of [0, 0.25]) tone(220, start, 0.2);
}
