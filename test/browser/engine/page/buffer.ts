/** Node's Buffer, which some tests compare bytes with, for a page. The slash names the package, not the module of Node. */
export { Buffer } from 'buffer/';
