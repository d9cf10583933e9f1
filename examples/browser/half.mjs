// ONNX files of half the size: weights that 16 bits hold exactly are stored with 16 bits, and an
// operator Cast makes them the same 32 bits again when the file is opened.
//
// Reads and writes the few parts of the format that this needs (onnx/onnx.proto,
// https://github.com/onnx/onnx/blob/main/onnx/onnx.proto); all else is copied as it is.

const FLOAT = 1;
const FLOAT16 = 10;
/** Tensors with fewer values stay as they are. */
const MIN_VALUES = 1024;

// Numbers of the fields in onnx.proto.
const MODEL = { graph: 7 };
const GRAPH = { node: 1, initializer: 5 };
const TENSOR = { dataType: 2, name: 8, rawData: 9 };
const NODE = { input: 1, output: 2, operator: 4, attribute: 5 };
const ATTRIBUTE = { name: 1, integer: 3, type: 20 };
const INTEGER = 2; // AttributeProto.INT

const utf8 = new TextEncoder();

const float = new Float32Array(1);
const floatBits = new Uint32Array(float.buffer);

/** The 16 bits of a number, or null if they do not hold it exactly. */
export function half(number) {
  float[0] = number;
  const [bits] = floatBits;
  const sign = (bits >>> 16) & 0x8000;
  const size = Math.abs(number);
  if (size < 2 ** -14) {
    const steps = size * 2 ** 24; // of the smallest number
    return Number.isInteger(steps) ? sign | steps : null;
  }
  const exact = size <= 65504 && (bits & 0x1fff) === 0;
  return exact ? sign | (((bits & 0x7fffffff) >>> 13) - (112 << 10)) : null;
}

/** An ONNX file with smaller weights, of the same values. */
export function halve(model) {
  const fields = parse(model).map(([field, wire, value]) =>
    field === MODEL.graph ? [field, wire, halveGraph(value)] : [field, wire, value]);
  return serialise(fields);
}

function halveGraph(graph) {
  const casts = [];
  const fields = parse(graph).map(([field, wire, value]) => {
    const smaller = field === GRAPH.initializer ? halveTensor(value) : null;
    if (!smaller) return [field, wire, value];
    casts.push([GRAPH.node, 2, cast(smaller.name)]);
    return [field, wire, smaller.tensor];
  });
  return serialise([...casts, ...fields]); // an operator comes after those that it depends on
}

function halveTensor(tensor) {
  const fields = parse(tensor);
  const value = (wanted) => fields.find(([field]) => field === wanted)?.[2];
  const raw = value(TENSOR.rawData);
  if (Number(value(TENSOR.dataType)) !== FLOAT || !raw || raw.length < 4 * MIN_VALUES) return null;
  const values = new Float32Array(Uint8Array.from(raw).buffer); // a copy is aligned
  const halves = Array.from(values, half);
  if (halves.includes(null)) return null;
  const name = new TextDecoder().decode(value(TENSOR.name));
  const replaced = {
    [TENSOR.dataType]: BigInt(FLOAT16),
    [TENSOR.name]: utf8.encode(halfName(name)),
    [TENSOR.rawData]: new Uint8Array(Uint16Array.from(halves).buffer),
  };
  return {
    name,
    tensor: serialise(fields.map(([field, wire, old]) => [field, wire, replaced[field] ?? old])),
  };
}

const halfName = (name) => `${name}.float16`;

/** The operator that makes a tensor of 32 bits again. */
function cast(name) {
  const to = serialise([
    [ATTRIBUTE.name, 2, utf8.encode('to')],
    [ATTRIBUTE.integer, 0, BigInt(FLOAT)],
    [ATTRIBUTE.type, 0, BigInt(INTEGER)],
  ]);
  return serialise([
    [NODE.input, 2, utf8.encode(halfName(name))],
    [NODE.output, 2, utf8.encode(name)],
    [NODE.operator, 2, utf8.encode('Cast')],
    [NODE.attribute, 2, to],
  ]);
}

/** The fields of a message of Protocol Buffers: number, wire type, value. */
function parse(bytes) {
  const fields = [];
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at];
      at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const take = (length) => {
    at += length;
    if (at > bytes.length) throw new Error('the ONNX file ends early');
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const key = Number(varint());
    const wire = key & 7;
    if (![0, 1, 2, 5].includes(wire)) throw new Error(`no ONNX file: wire type ${wire}`);
    const value = wire === 0 ? varint() : take(wire === 2 ? Number(varint()) : wire === 1 ? 8 : 4);
    fields.push([key >>> 3, wire, value]);
  }
  return fields;
}

function serialise(fields) {
  const varint = (number) => {
    const bytes = [];
    let rest = BigInt(number);
    for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
    return Uint8Array.from([...bytes, Number(rest)]);
  };
  const parts = fields.flatMap(([field, wire, value]) => {
    const key = varint((field << 3) | wire);
    if (wire === 0) return [key, varint(value)];
    return wire === 2 ? [key, varint(value.length), value] : [key, value];
  });
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
