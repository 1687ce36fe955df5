export { __heap_base, __data_end };
