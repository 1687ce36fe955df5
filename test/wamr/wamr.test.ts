import { describe } from 'vitest';
import { inputs } from './inputs.js';
import { liars } from './liars.js';
import { memory } from './memory.js';
import { CASES, patches } from './patches.js';
import { attempt, cannotRun } from './tools.js';

const built = await attempt(['sh', 'bench/wamr/build.sh']);
const classic = await attempt(['sh', 'bench/wamr/build.sh'], { INTERPRETER: 'classic' });
// The same with the compiler's checks of memory and undefined behaviour, on the same build of WAMR.
const checked =
  'missing' in built
    ? built
    : await attempt(['cmake', '--build', 'build/wamr/cmake', '--target', 'checked', '-j', '2']);

if ('missing' in built) cannotRun('WAMR, fast interpreter', built.missing);
else {
  describe('WAMR, fast interpreter', () => {
    patches(built.output, CASES);
    memory(built.output);
  });
}
if ('missing' in classic) cannotRun('WAMR, classic interpreter', classic.missing);
else describe('WAMR, classic interpreter', () => patches(classic.output, CASES.slice(0, 1)));
if ('missing' in checked) cannotRun('the host with the checks of the compiler', checked.missing);
else {
  describe('bad input', () => inputs('build/wamr/cmake'));
  describe('modules that are not the engine', () => liars('build/wamr/cmake/tinytrain-wamr-checked'));
}
