// The microphone: opening it, what can go wrong, and its level.

/** Why there is no microphone: the name of a notice. */
export class MicrophoneError extends Error {}

/** The name of the notice if recording cannot work here at all. */
export function obstacle() {
  if (!window.isSecureContext) return 'insecure';
  if (!navigator.mediaDevices?.getUserMedia || !window.AudioContext) return 'unsupported';
  return null;
}

const REASONS = {
  NotAllowedError: 'denied', SecurityError: 'denied',
  NotFoundError: 'absent', OverconstrainedError: 'absent',
};

/** Opens the microphone; `lost` is called if it is disconnected. */
export async function openMicrophone(lost) {
  const hindered = obstacle();
  if (hindered) throw new MicrophoneError(hindered);
  const audio = { channelCount: 1, echoCancellation: false, noiseSuppression: false };
  const stream = await navigator.mediaDevices.getUserMedia({ audio }).catch((error) => {
    throw new MicrophoneError(REASONS[error.name] ?? 'busy');
  });
  stream.getAudioTracks().forEach((track) => track.addEventListener('ended', lost));
  return stream;
}

/** Measures the level of a stream until `stop`; `each` is given 0 to 1, twenty times a second. */
export function meter(stream, each) {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 2048;
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
    // From 60 dB below full scale (0) to full scale (1).
    each(Math.max(0, Math.min(1, 1 + (10 * Math.log10(power + 1e-12)) / 60)));
  }, 50);
  return {
    context,
    stop() {
      clearInterval(timer);
      context.close();
    },
  };
}

export const closeMicrophone = (stream) => stream.getTracks().forEach((track) => track.stop());
