/** Finding the native program. */

import { accessSync, closeSync, constants, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { basename, delimiter, isAbsolute, join, resolve } from 'node:path';

import { CallsheetError } from '../errors.cjs';

const PLATFORM = `${process.platform}-${process.arch}`;
const PACKAGE = `@callsheet/${PLATFORM}`;
const FILE = process.platform === 'win32' ? 'callsheet.exe' : 'callsheet';
/** This package's own `callsheet`, which looks for the program too. */
const LAUNCHER = 'callsheet.cjs';

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
  const found = directories.map((directory) => join(directory, FILE)).filter(isProgram);
  return found.find((file) => !isLauncher(file));
}

/** Whether a file is the launcher of this package, or leads to it, as package managers do. */
function isLauncher(file: string): boolean {
  try {
    if (basename(realpathSync(file)) === LAUNCHER) return true;
    const head = Buffer.alloc(4096);
    const script = openSync(file, 'r');
    const length = readSync(script, head, 0, head.length, 0);
    closeSync(script);
    const text = head.toString('latin1', 0, length);
    return text.startsWith('#!') && text.includes(LAUNCHER);
  } catch {
    // A program that may be run but not read is no script.
    return false;
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
