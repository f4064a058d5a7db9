/** The module as base64; made by the build. */
export const base64: string;
