// Puts tables from standard input into a document, between `<!-- measured NAME -->` and
// `<!-- end NAME -->`: node put.mjs FILE NAME
import { readFileSync, writeFileSync } from 'node:fs';

const [file, name] = process.argv.slice(2);
const [start, end] = [`<!-- measured ${name} -->\n`, `<!-- end ${name} -->`];
const text = readFileSync(file, 'utf8');
const [head, rest] = text.split(start);
if (rest === undefined) throw new Error('no place for the tables');
writeFileSync(file, `${head}${start}${readFileSync(0, 'utf8').trimEnd()}\n${end}${rest.split(end)[1]}`);
