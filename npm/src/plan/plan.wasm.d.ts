/** The compiled module, as Workers import it and as bundlers with WebAssembly do. */
declare const module: object;
export default module;
