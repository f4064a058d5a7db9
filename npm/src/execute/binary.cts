/** Finding the native program. */

import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, join, resolve } from 'node:path';

import { CallsheetError } from '../errors.cjs';

const PLATFORM = `${process.platform}-${process.arch}`;
const PACKAGE = `@callsheet/${PLATFORM}`;
const FILE = process.platform === 'win32' ? 'callsheet.exe' : 'callsheet';

/** Finds the program: what CALLSHEET_BIN names, the platform's package, then PATH. */
export function findBinary(): string {
  const named = process.env['CALLSHEET_BIN'];
  if (named) {
    if (isProgram(named)) return resolve(named);
    throw missing(`CALLSHEET_BIN names no program that can be run: ${named}`);
  }
  const found = fromPackage() ?? fromPath();
  if (found) return found;
  throw missing(`the callsheet program is not installed for ${PLATFORM}`);
}

function missing(why: string): CallsheetError {
  const hints = [
    `install it with: npm install ${PACKAGE}`,
    'or with: cargo install --path exec-native, in a checkout of callsheet',
    'or set CALLSHEET_BIN to the path of the program',
  ];
  return new CallsheetError({ code: 'missing', message: `${why}; ${hints.join('; ')}`, hints });
}

function fromPackage(): string | undefined {
  try {
    return require.resolve(`${PACKAGE}/bin/${FILE}`);
  } catch {
    // Its package is optional, and there is none for some platforms.
    return undefined;
  }
}

function fromPath(): string | undefined {
  const directories = (process.env['PATH'] ?? '').split(delimiter).filter(isAbsolute);
  return directories.map((directory) => join(directory, FILE)).find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
