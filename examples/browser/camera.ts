/** One camera for the whole page, let go of as soon as nobody looks. */

let stream: MediaStream | undefined;
let opening: Promise<MediaStream> | undefined;
const users = new Set<HTMLVideoElement>();
let facing: 'environment' | 'user' = 'environment';

const REASONS: Record<string, string> = {
  NotAllowedError:
    'the camera is not allowed here: allow it in the address bar of the browser, or use files or drawing',
  NotFoundError: 'no camera was found: use files or drawing',
  NotReadableError: 'the camera is in use by another program: close that, or use files or drawing',
  OverconstrainedError: 'the camera has no mode that fits: use files or drawing',
};

function open(): Promise<MediaStream> {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new Error('the camera needs a page from https or localhost: use files or drawing');
  }
  opening ??= navigator.mediaDevices
    .getUserMedia({ audio: false, video: { facingMode: facing, width: { ideal: 640 }, height: { ideal: 480 } } })
    .catch((error: DOMException) => {
      throw new Error(REASONS[error.name] ?? `the camera cannot be opened: ${error.message}`);
    })
    .finally(() => {
      opening = undefined;
    });
  return opening;
}

/** Shows the camera in `video`. */
export async function startCamera(video: HTMLVideoElement): Promise<void> {
  users.add(video);
  try {
    if (!stream?.active) stream = await open();
  } catch (error) {
    users.delete(video);
    throw error;
  }
  // The person may have stopped while the browser was asking.
  if (!users.has(video)) return release();
  video.srcObject = stream;
  await video.play();
}

/** Stops showing it; the last one switches the camera off. */
export function stopCamera(video: HTMLVideoElement): void {
  users.delete(video);
  video.srcObject = null;
  release();
}

function release(): void {
  if (users.size > 0) return;
  for (const track of stream?.getTracks() ?? []) track.stop();
  stream = undefined;
}

/** Whether there is another camera to turn to; known once one has been allowed. */
export async function severalCameras(): Promise<boolean> {
  const devices = (await navigator.mediaDevices.enumerateDevices?.()) ?? [];
  return devices.filter((device) => device.kind === 'videoinput').length > 1;
}

/** Shows the camera of the other side to everyone who looks. */
export async function turnCamera(): Promise<void> {
  const looking = [...users];
  for (const video of looking) stopCamera(video);
  facing = facing === 'user' ? 'environment' : 'user';
  for (const video of looking) await startCamera(video);
}
