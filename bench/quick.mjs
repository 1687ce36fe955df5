// The bench of the built package, shortened: kernels, inference and training steps, one adaptation of each method; of
// mcunet-5fps where TINYTRAIN_DATA names a folder of models/, else of the embedded network.
//
//   npm run bench [-- --profile] [-- --json] [-- any option of `tinytrain bench`]
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const given = process.argv.slice(2);
const named = given.some((arg) => arg === '--model' || arg.startsWith('--model='));
const file = join(process.env.TINYTRAIN_DATA ?? '', 'models', 'mcunet-5fps.onnx');
const model = named ? [] : ['--model', process.env.TINYTRAIN_DATA && existsSync(file) ? file : 'default'];
const cli = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
// Options that are given again win.
const args = [cli, 'bench', ...model, '--runs', '1', '--iterations', '10', ...given];
process.exit(spawnSync(process.execPath, args, { stdio: 'inherit' }).status ?? 1);
