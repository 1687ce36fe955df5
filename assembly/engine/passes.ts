/** Passes of a job over its samples (episode.ts). The numbers are the control block's `phase`. */
export const PROTOTYPES: i32 = 0;
export const PROBING: i32 = 1;
export const INFORMATION: i32 = 2;
export const KEEPING: i32 = 3;
export const QUERIES: i32 = 4;
export const SUPPORT: i32 = 5;
export const FEATURE: i32 = 6;
export const TAKING: i32 = 7;
export const CHECKING: i32 = 8;
/** No pass; a variable that starts with it needs no start function, as it is a literal. */
export const FINISHED: i32 = -1;
