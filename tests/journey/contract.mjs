// contract/openapi.yaml as a judge: which operations there are, and whether an answer is what they promise.
import fs from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { ROOT } from './house.mjs';

const document = parse(fs.readFileSync(path.join(ROOT, 'contract/openapi.yaml'), 'utf8'));
const METHODS = ['get', 'put', 'post', 'delete', 'patch', 'head', 'options'];
// Any request may meet these; the contract's description says so.
const ANYWHERE = { 401: 'Error', 403: 'Error', 405: 'Error', 413: 'Error', 429: 'Error', 500: 'Error', 503: 'Error', 507: 'Error' };

export function resolve(node) {
  if (!node?.$ref) return node;
  return resolve(node.$ref.slice(2).split('/').reduce((at, key) => at[key], document));
}

export const operations = Object.entries(document.paths).flatMap(([template, item]) =>
  METHODS.filter((method) => item[method]).map((method) => ({ id: item[method].operationId, method: method.toUpperCase(), template, ...item[method] })));

// What was promised under these tags and never seen; `called`: operation id -> set of statuses. Each place's own test asks
// this of its tags, so that every word of the contract is shown by some test.
export function unseen(tags, called) {
  const mine = operations.filter((operation) => tags.includes(operation.tags[0]));
  return mine.flatMap((o) => (called.has(o.id) ? Object.keys(o.responses).filter((status) => !called.get(o.id).has(Number(status))).map((status) => `${o.id} ${status}`) : [o.id]));
}

const FORMATS = {
  'date-time': (text) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(text) && !Number.isNaN(Date.parse(text)),
};

const kind = (value) => (value === null ? 'null' : Array.isArray(value) ? 'array' : Number.isInteger(value) ? 'integer' : typeof value);

// Every way in which `value` is not what `schema` says, as lines "place: what".
export function faults(value, schema, place = '$') {
  schema = resolve(schema);
  if (schema.allOf) return schema.allOf.flatMap((part) => faults(value, part, place));
  if (value === null && schema.nullable) return [];
  if (!schema.type) return [];
  const have = kind(value);
  if (have !== schema.type && !(have === 'integer' && schema.type === 'number')) return [`${place}: is ${have}, should be ${schema.type}`];
  return { object: objectFaults, array: arrayFaults, string: stringFaults }[schema.type]?.(value, schema, place) ?? numberFaults(value, schema, place);
}

function objectFaults(value, schema, place) {
  const missing = (schema.required ?? []).filter((key) => !(key in value)).map((key) => `${place}.${key}: is missing`);
  const members = Object.entries(schema.properties ?? {}).filter(([key]) => key in value).flatMap(([key, part]) => faults(value[key], part, `${place}.${key}`));
  return [...missing, ...members];
}

function arrayFaults(value, schema, place) {
  return value.flatMap((item, i) => faults(item, schema.items, `${place}[${i}]`));
}

function stringFaults(value, schema, place) {
  const found = [];
  if (schema.enum && !schema.enum.includes(value)) found.push(`${place}: '${value}' is none of ${schema.enum}`);
  if (schema.pattern && !new RegExp(schema.pattern).test(value)) found.push(`${place}: '${value}' is not like ${schema.pattern}`);
  if (schema.format && FORMATS[schema.format] && !FORMATS[schema.format](value)) found.push(`${place}: '${value}' is no ${schema.format}`);
  if (schema.maxLength !== undefined && value.length > schema.maxLength) found.push(`${place}: is too long`);
  return found;
}

function numberFaults(value, schema, place) {
  if (schema.minimum !== undefined && value < schema.minimum) return [`${place}: ${value} is below ${schema.minimum}`];
  return [];
}

// The names of members that the schema does not know (a page of ours would never see them).
export function strangers(value, schema, place = '$') {
  schema = resolve(schema);
  if (value === null || typeof value !== 'object') return [];
  if (Array.isArray(value)) return schema.items ? value.flatMap((item, i) => strangers(item, schema.items, `${place}[${i}]`)) : [];
  const parts = (schema.allOf ?? [schema]).map(resolve);
  if (parts.some((part) => part.additionalProperties || !part.properties)) return [];
  const known = Object.assign({}, ...parts.map((part) => part.properties));
  return Object.entries(value).flatMap(([key, member]) => (key in known ? strangers(member, known[key], `${place}.${key}`) : [`${place}.${key}`]));
}

// What is wrong with an answer to an operation; empty: nothing.
export function answerFaults(operation, answer) {
  const promised = resolve(operation.responses[answer.status]) ?? resolve({ $ref: `#/components/responses/${ANYWHERE[answer.status]}` });
  if (!operation.responses[answer.status] && !ANYWHERE[answer.status]) return [`status ${answer.status} is not documented`];
  const types = Object.keys(promised.content ?? {});
  const type = (answer.headers['content-type'] ?? '').split(';')[0];
  if (operation.method === 'HEAD' || !types.length) return [];
  if (!types.includes(type)) return [`content type '${type}' is none of ${types}`];
  const schema = promised.content[type].schema;
  return schema && answer.json !== undefined ? [...faults(answer.json, schema), ...strangers(answer.json, schema).map((name) => `${name}: is not documented`)] : [];
}
