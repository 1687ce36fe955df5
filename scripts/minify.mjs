// What esbuild has bundled and minified, some percent smaller: terser looks at code more than once.
import { minify } from 'terser';

/** The same script or module in fewer bytes; names that it exports stay. */
export async function smaller(code, module) {
  const result = await minify(code, { module, ecma: 2022, compress: { passes: 2 }, format: { comments: false } });
  return result.code;
}
