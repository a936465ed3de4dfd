// TFLite's own interpreter (npm @tensorflow/tfjs-tflite, WebAssembly), and a writer of small TFLite models.
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';

export const root = process.env.VEDETTE_SOURCE_ROOT ?? path.resolve(import.meta.dirname, '../..');
export const modules = path.join(root, 'tests/node_modules');
const wasm = path.join(modules, '@tensorflow/tfjs-tflite/wasm/tflite_web_api_cc_simd');

export function skipUnless(there, what) {
  if (there) return;
  console.log(`skipped: ${what} is not installed`);
  process.exit(77);
}

/** A function that runs a model once: bytes of the file, numbers as its input stores them -> [{name, values}]. */
export async function openInterpreter() {
  skipUnless(fs.existsSync(`${wasm}.wasm`), 'TFLite\'s interpreter (tests/package.json)');
  globalThis.self ??= globalThis;
  globalThis.location ??= { href: '' };
  const said = [];
  const make = createRequire(import.meta.url)(`${wasm}.js`);
  const module = await make({ wasmBinary: fs.readFileSync(`${wasm}.wasm`), print() {}, printErr: (line) => said.push(line) });
  const options = { numThreads: 1, enableWebNNDelegate: false, webNNDevicePreference: 0, enableProfiling: false,
    maxProfilingBufferEntries: 1024 };
  return (file, fill) => {
    const at = module._malloc(file.length);
    module.HEAPU8.set(file, at);
    said.length = 0;
    const made = module.TFLiteWebModelRunner.CreateFromBufferAndOptions(at, file.length, options);
    if (!made.ok()) throw new Error(`the interpreter refuses the model: ${said.join(' ').slice(0, 300)}`);
    const runner = made.value(), input = runner.GetInputs().get(0);
    input.data().set(fill(input.dataType, input.data().length));
    if (!runner.Infer()) throw new Error(`the interpreter fails: ${said.join(' ').slice(0, 300)}`);
    const outputs = runner.GetOutputs();
    const result = Array.from({ length: outputs.size() }, (_, i) => {
      const { name, dataType, shape } = outputs.get(i);
      return { name, type: dataType, shape: shape.split(',').map(Number), values: Array.from(outputs.get(i).data()) };
    });
    runner.delete?.();
    made.delete?.();
    module._free(at);
    return result;
  };
}

/** Numbers [h,w,3] to channels first, as a converted model takes them. */
export function channelsFirst(values) {
  const picture = values.length / 3;
  return Buffer.from(Float32Array.from(values, (_, i) => values[(i % picture) * 3 + Math.floor(i / picture)]).buffer);
}

// FlatBuffers, parents before children. A table is a list of fields by number: [kind, value] or undefined.
const size = { i8: 1, i32: 4, u32: 4, f32: 4, i64: 8 };
class FlatBuffer {
  bytes = Buffer.alloc(1 << 16); length = 0;
  room(count) {
    while (this.length + count + 64 > this.bytes.length) this.bytes = Buffer.concat([this.bytes, Buffer.alloc(this.bytes.length)]);
    this.length += count;
    return this.length - count;
  }
  align(to, ahead = 0) { this.room((to - (this.length + ahead) % to) % to); }
  number(kind, value, at) {
    if (kind === 'i8') this.bytes.writeInt8(value, at);
    else if (kind === 'i32') this.bytes.writeInt32LE(value, at);
    else if (kind === 'u32') this.bytes.writeUInt32LE(value, at);
    else if (kind === 'i64') this.bytes.writeBigInt64LE(BigInt(value), at);
    else this.bytes.writeFloatLE(value, at);
  }
  vector(kind, list) {
    const each = kind === 'bytes' || kind === 'text' ? 1 : kind === 'tables' ? 4 : size[kind.slice(0, 3)];
    this.align(kind === 'bytes' ? 16 : Math.max(4, each), 4);
    const at = this.room(4 + list.length * each + (kind === 'text' ? 1 : 0));
    this.bytes.writeUInt32LE(list.length, at);
    if (each === 1 && typeof list !== 'string') Buffer.from(list).copy(this.bytes, at + 4);
    else if (each === 1) this.bytes.write(list, at + 4);
    else if (kind !== 'tables') list.forEach((value, i) => this.number(kind.slice(0, 3), value, at + 4 + i * each));
    else list.forEach((fields, i) => this.link(at + 4 + i * 4, this.table(fields)));
    return at;
  }
  link(from, to) { this.bytes.writeUInt32LE(to - from, from); }
  table(fields) {
    const head = 4 + 2 * fields.length;
    this.align(8, head);
    const vtable = this.room(head), places = [];
    let end = 4;
    const order = fields.map((_, i) => i).filter((i) => fields[i]);
    for (const i of order) {
      const width = size[fields[i][0]] ?? 4;
      end = Math.ceil(end / width) * width;
      places[i] = end;
      end += width;
    }
    const at = this.room(end);
    this.bytes.writeUInt16LE(head, vtable);
    this.bytes.writeUInt16LE(end, vtable + 2);
    for (const i of order) this.bytes.writeUInt16LE(places[i], vtable + 4 + 2 * i);
    this.bytes.writeInt32LE(at - vtable, at);
    for (const i of order) {
      const [kind, value] = fields[i];
      if (size[kind]) this.number(kind, value, at + places[i]);
      else this.link(at + places[i], kind === 'table' ? this.table(value) : this.vector(kind, value));
    }
    return at;
  }
}

/** A FlexBuffer map of numbers and truths, every width 4. */
export function flexMap(values) {
  const keys = Object.keys(values).sort(), parts = [];
  let at = 0;
  const put = (bytes) => { parts.push(bytes); at += bytes.length; return at - bytes.length; };
  const u32 = (value) => { const b = Buffer.alloc(4); b.writeUInt32LE(value); return b; };
  const places = keys.map((key) => put(Buffer.from(`${key}\0`)));
  put(Buffer.alloc((4 - at % 4) % 4));
  put(u32(keys.length));
  const list = at;
  places.forEach((place) => put(u32(at - place)));
  put(u32(at - list));
  put(u32(4));
  put(u32(keys.length));
  const map = at;
  const whole = (value) => typeof value === 'boolean' || Number.isInteger(value);
  for (const key of keys) {
    const b = Buffer.alloc(4);
    if (whole(values[key])) b.writeInt32LE(Number(values[key])); else b.writeFloatLE(values[key]);
    put(b);
  }
  put(Buffer.from(keys.map((key) => (typeof values[key] === 'boolean' ? 26 : whole(values[key]) ? 1 : 3) << 2 | 2)));
  put(u32(at - map));
  put(Buffer.from([9 << 2 | 2, 4]));
  return Buffer.concat(parts);
}

export const types = { f32: 0, f16: 1, i32: 2, u8: 3, i64: 4, i16: 7, i8: 9 };
const stores = { f32: Float32Array, f16: Uint16Array, i32: Int32Array, u8: Uint8Array, i64: BigInt64Array, i16: Int16Array, i8: Int8Array };

/** A TFLite model in the making. Quantisation is {scale, zero, axis?}: numbers, or lists of them. */
export class Model {
  tensors = []; buffers = [[]]; codes = []; operators = []; outputs = [];
  version = 3; mark = 'TFL3'; serial = 0;
  constructor(shape = [1, 6, 8, 3], type = 'f32', quant = undefined, signature = undefined) {
    this.input = this.tensor(shape, type, { name: 'in', quant, signature });
  }
  tensor(shape, type, { name, data, quant, signature } = {}) {
    const list = (value) => (Array.isArray(value) ? value : [value]);
    if (data) {
      const store = stores[type].from(data);
      this.buffers.push([['bytes', Buffer.from(store.buffer)]]);
    }
    this.tensors.push([['i32s', shape], ['i8', types[type] ?? type], ['u32', data ? this.buffers.length - 1 : 0],
      ['text', name ?? `t${this.tensors.length}`],
      quant && ['table', [undefined, undefined, ['f32s', list(quant.scale)], ['i64s', list(quant.zero)], undefined,
        undefined, ['i32', quant.axis ?? 0]]],
      undefined, undefined, signature && ['i32s', signature]]);
    return this.tensors.length - 1;
  }
  floats(shape, data) { return this.tensor(shape, 'f32', { data }); }
  ints(...data) { return this.tensor([data.length], 'i32', { data }); }
  /** `options` are the fields of the operation's own table; `kind` its number in the union. */
  op(code, inputs, { kind, options, custom, flex, version = 1, outs = 1, shape = [], type = 'f32', quant, name } = {}) {
    const key = `${code} ${custom} ${version}`;
    let index = this.codes.findIndex((c) => c.key === key);
    if (index < 0) {
      index = this.codes.push({ key, fields: [['i8', Math.min(code, 127)], custom && ['text', custom], ['i32', version],
        ['i32', code]] }) - 1;
    }
    const made = Array.from({ length: outs }, (_, i) => this.tensor(Array.isArray(shape[0]) ? shape[i] : shape, type,
      { quant, name: name && `${name}${i || ''}` }));
    this.operators.push([['u32', index], ['i32s', inputs], ['i32s', made], options && ['i8', kind],
      options && ['table', options], flex && ['bytes', flex]]);
    return outs === 1 ? made[0] : made;
  }
  bytes(outputs) {
    const file = new FlatBuffer();
    file.room(8);
    const graph = [['tables', this.tensors], ['i32s', [this.input]], ['i32s', outputs], ['tables', this.operators]];
    const model = file.table([['u32', this.version], ['tables', this.codes.map(({ fields }) => fields)],
      ['tables', [graph]], ['text', 'made for a test'], ['tables', this.buffers]]);
    file.link(0, model);
    file.bytes.write(this.mark, 4);
    return Buffer.from(file.bytes.subarray(0, file.length));
  }
}
