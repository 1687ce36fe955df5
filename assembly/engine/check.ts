/** The checksum of a model whose weights are with the host, chunk by chunk. `open` has seen what is in memory. */
import { clearTables, jobStart, needUpTo } from './arena';
import { control } from './control';
import { checkedBytes, checkOn, closeModel, fileBytes, isOpen, isReady } from './model';
import * as status from './status';

/** Bytes that the host is asked for at a time. */
const CHUNK: u32 = 4096;

function chunk(): u32 {
  return min(CHUNK, fileBytes() - checkedBytes());
}

/** Lays out the check: a chunk behind the task. */
export function beginCheck(): i32 {
  return isOpen() ? needUpTo(jobStart() + chunk()) : status.ORDER;
}

/** Takes the chunk that has `arrived`; asks for the next one. A model whose checksum is wrong is closed. */
export function checkStep(arrived: bool): i32 {
  if (arrived && !checkOn(jobStart(), chunk())) {
    closeModel();
    clearTables();
    return status.MODEL_CHECKSUM;
  }
  if (isReady()) return status.DONE;
  const c = control();
  c.ioPointer = <u32>jobStart();
  c.ioBytes = chunk();
  c.ioIndex = checkedBytes();
  return status.SLICE;
}
