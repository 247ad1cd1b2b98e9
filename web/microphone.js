/** The microphone: asked for when a call needs it, and let go after. */

import { NoMicrophone } from './errors.js';

/**
 * An expert setting: JSON of MediaTrackConstraints under this key of localStorage replaces ours,
 * for example {"echoCancellation": false, "noiseSuppression": false, "autoGainControl": false}.
 */
const CONSTRAINTS = 'wsphone.audio';
const DEFAULTS = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

/** @param {Storage} storage @returns {MediaTrackConstraints} */
export function constraints(storage) {
  try {
    const chosen = JSON.parse(storage.getItem(CONSTRAINTS) ?? 'null');
    return chosen !== null && typeof chosen === 'object' ? chosen : DEFAULTS;
  } catch {
    return DEFAULTS;
  }
}

/**
 * @param {Storage} storage @param {string} [device] the one to prefer, if it is there
 * @returns {Promise<MediaStream>}
 */
export async function openMicrophone(storage, device = '') {
  if (!navigator.mediaDevices) throw new NoMicrophone('insecure');
  const preferred = device ? { deviceId: { ideal: device } } : {};
  try {
    const audio = { ...constraints(storage), ...preferred };
    return await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    throw new NoMicrophone(error instanceof Error ? error.name : 'unknown');
  }
}

/** @param {MediaStream | null} microphone */
export function closeMicrophone(microphone) {
  for (const track of microphone?.getTracks() ?? []) {
    track.onended = null;
    track.stop();
  }
}
