/** The one function that is used of the library, in a module of its own: what is imported lazily is not shaken otherwise. */
export { inflateSync } from 'fflate';
