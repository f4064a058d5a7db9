/** What bundlers and hosts make of the module. */
declare module '*.wasm' {
  const module: object;
  export default module;
}

declare module '*.wasm?module' {
  const module: object;
  export default module;
}
