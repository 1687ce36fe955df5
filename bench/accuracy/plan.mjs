// What bench:accuracy compares: networks, domains, samplings, and the rows of the table with the settings tried for each.

export const NETWORKS = ['mcunet-5fps', 'mbv2-w0.35', 'proxyless-w0.3', 'default'];
export const DOMAINS = ['omniglot', 'gtsrb', 'quickdraw', 'birds', 'satellite', 'handsign', 'clothing', 'bloodcells'];

/** Ways of sampling tasks (src/episodes.ts). Every method, network and trial gets the same tasks. */
export const SAMPLINGS = {
  '5way5shot': { way: 5, shot: 5, query: 10, seed: 0 },
  'meta-dataset': { way: 'meta', shot: 'meta', query: 10, seed: 0 },
};
/** The one with which settings are tried; for the other too, until they are tried with it on the network. */
export const TUNED_SAMPLING = '5way5shot';

/** Learning rates tried: the method's default first, then others below and above the best that is known. */
const LADDER = {
  lastlayer: [1e-2, 3e-3, 3e-2, 1e-1],
  biasonly: [1e-3, 3e-4, 3e-3, 1e-2],
  tinytl: [1e-3, 3e-4, 3e-3, 1e-2],
  sparseupdate: [1e-2, 3e-3, 3e-2, 1e-1],
  fulltrain: [3e-4, 1e-4, 1e-3, 6e-4],
  tinytrain: [2e-2, 6e-3, 6e-2, 2e-1],
  'tinytrain:criterion=fisher': [2e-2, 6e-3, 6e-2, 2e-1],
  deeptrain: [8e-5, 4e-5, 1.2e-4, 1.6e-4],
  thintrain: [1e-3, 6e-4, 1.5e-3, 3e-4],
};

/** Trials of a method, in the order in which they are made: which rate of its ladder, and how many iterations. */
const TRIALS = [
  { rate: 0, iterations: 40 },
  { rate: 1, iterations: 40 },
  { rate: 2, iterations: 40 },
  { rate: 3, iterations: 40 },
  { rate: 0, iterations: 80 },
];
export const MAX_TRIALS = TRIALS.length;

/**
 * Trials on 5-way tasks that count, where more were made: the fourth of these networks would choose other rates for some rows
 * by less than a point on 16 tasks, and was no better on others (docs/accuracy-tables.md, "What is missing").
 */
const COUNTED = { 'mcunet-5fps': 3, 'mbv2-w0.35': 3, 'proxyless-w0.3': 3 };
export const countedTrials = (network, sampling) => (sampling === TUNED_SAMPLING && COUNTED[network]) || MAX_TRIALS;

/** Rows of the table. A row's id is a method as `tinytrain evaluate --methods` takes it, without rate and iterations. */
export const METHODS = [
  'none',
  'lastlayer',
  'biasonly',
  'tinytl',
  'sparseupdate',
  'tinytrain',
  'tinytrain:criterion=fisher',
  'tinytrain:views=6',
  'deeptrain',
  'deeptrain:views=6',
  'deeptrain:views=6:together=yes',
  'thintrain',
  'thintrain:views=6',
  'fulltrain',
];
/** Rows that leave one thing of a method out or change it; they have the method's own rate and iterations. */
export const ABLATIONS = [
  'tinytrain:criterion=l2',
  'tinytrain:criterion=random',
  'tinytrain:selection=static',
  'tinytrain:memory=256KB',
  'tinytrain:memory=512KB',
  'tinytrain:compute=5%',
  'tinytrain:compute=10%',
  'tinytrain:compute=30%',
  'deeptrain:memory=256KB',
  'deeptrain:memory=512KB',
  'deeptrain:compute=5%',
  'thintrain:memory=256KB',
  'thintrain:memory=512KB',
];
/** Methods that have ablations: what they are themselves, and what else they are compared with. */
export const ABLATED = {
  tinytrain: { itself: '1 MB, 15%, its own criterion', to: ['fulltrain'] },
  deeptrain: { itself: '1 MB, 15%', to: ['tinytrain', 'fulltrain'] },
  thintrain: { itself: '1 MB, 15%', to: ['tinytrain', 'deeptrain', 'fulltrain'] },
};
/** Several views of each picture, and pictures together, with other methods; they run with the ablations. */
export const VIEWS = [
  'none:views=6',
  'none:views=6:together=yes',
  'biasonly:views=6',
  'sparseupdate:views=6',
  'tinytrain:views=2',
  'tinytrain:views=6:together=yes',
  'deeptrain:views=2',
  'fulltrain:views=6:together=yes',
  'fulltrain:views=6',
];
export const ROWS = [...METHODS, ...ABLATIONS, ...VIEWS];

/** Paired differences that docs/accuracy.md speaks of, beside those to fulltrain: a row, and those that it is compared with. */
export const COMPARISONS = [
  ['tinytrain', ['none', 'lastlayer', 'biasonly', 'sparseupdate']],
  ['tinytrain:criterion=fisher', ['tinytrain']],
  ['tinytrain:memory=256KB', ['tinytrain']],
  ['tinytrain:views=6', ['tinytrain']],
  ['deeptrain', ['biasonly', 'sparseupdate', 'tinytrain']],
  ['deeptrain:memory=512KB', ['tinytrain', 'deeptrain']],
  ['deeptrain:memory=256KB', ['tinytrain', 'deeptrain']],
  [
    'deeptrain:views=6',
    ['biasonly', 'sparseupdate', 'deeptrain', 'biasonly:views=6', 'sparseupdate:views=6', 'fulltrain:views=6'],
  ],
  ['deeptrain:views=6:together=yes', ['biasonly', 'sparseupdate', 'deeptrain:views=6']],
  ['thintrain', ['biasonly', 'sparseupdate', 'tinytrain', 'deeptrain']],
  ['thintrain:memory=512KB', ['tinytrain', 'thintrain']],
  ['thintrain:memory=256KB', ['tinytrain', 'thintrain']],
  ['thintrain:views=6', ['biasonly', 'sparseupdate']],
];
/** What the README shows, domain by domain. */
export const README = {
  network: 'mcunet-5fps',
  rows: ['none', 'lastlayer', 'sparseupdate', 'tinytrain', 'deeptrain', 'deeptrain:views=6', 'fulltrain'],
};

/** Rows that are tuned. */
export const TUNED = METHODS.filter((row) => row in LADDER);

/** The row whose trials a row takes part in: its own, or of an ablation and of more views that of its method. */
export const methodOf = (row) => (row in LADDER ? row : row.split(':')[0]);

/** A row without what it says of classifying: views, together. */
export const trainingOf = (row) => row.replace(/:views=.*/, '');

/** True for a row, or a row with its settings, that runs on the network with adapters, which is a model of its own. */
export const hasAdapters = (row) => row.split(':')[0] === 'tinytl';

/** The row with the settings of a trial, as `--methods` takes it: `fulltrain:lr=0.0003:iterations=40`. */
export function labelOf(row, trial) {
  const ladder = LADDER[methodOf(row)];
  if (!ladder) return row;
  const { rate, iterations } = TRIALS[trial];
  return `${row}:lr=${ladder[rate]}:iterations=${iterations}`;
}

/** Twins of networks, with or without meta-training, by what is behind the network's name in theirs. */
const TWINS = { '-meta': 'after meta-training', '-plain': 'before meta-training' };
/** Rows of a twin, in the settings that were chosen for the network. */
export const TWIN_ROWS = ['none', 'tinytrain', 'tinytrain:criterion=fisher', 'fulltrain'];

/** Of a twin the network that it belongs to, and what sets it apart; of another network nothing. */
export function twinOf(name) {
  const end = Object.keys(TWINS).find((suffix) => name.endsWith(suffix));
  return end && { network: name.slice(0, -end.length), state: TWINS[end] };
}

/** Ablations, views of other methods, and all rows of a twin, run on two of five tasks. */
export function rowsOfTask(task, network) {
  const all = task % 5 === 1 || task % 5 === 3;
  if (twinOf(network)) return all ? TWIN_ROWS : [];
  return all ? ROWS : METHODS;
}

/** What a row is called in the table. */
export const TITLES = {
  'tinytrain:criterion=fisher': 'tinytrain, fisher',
  'tinytrain:views=6': 'tinytrain, 6 views',
  'deeptrain:views=6': 'deeptrain, 6 views',
  'deeptrain:views=6:together=yes': 'deeptrain, 6 views, together',
  'thintrain:views=6': 'thintrain, 6 views',
  'tinytrain:criterion=l2': 'criterion l2',
  'tinytrain:criterion=random': 'criterion random',
  'tinytrain:selection=static': 'static: one selection for all tasks',
  'tinytrain:memory=256KB': 'memory 256 KB',
  'tinytrain:memory=512KB': 'memory 512 KB',
  'tinytrain:compute=5%': 'compute 5%',
  'tinytrain:compute=10%': 'compute 10%',
  'tinytrain:compute=30%': 'compute 30%',
  'deeptrain:memory=256KB': 'memory 256 KB',
  'deeptrain:memory=512KB': 'memory 512 KB',
  'deeptrain:compute=5%': 'compute 5%',
  'thintrain:memory=256KB': 'memory 256 KB',
  'thintrain:memory=512KB': 'memory 512 KB',
};
