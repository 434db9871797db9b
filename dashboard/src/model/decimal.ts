/** Add two decimal texts exactly: "0.1" and "0.2" are "0.3". */
export function addDecimals(left: string, right: string): string {
  const a = parse(left);
  const b = parse(right);
  const scale = Math.max(a.scale, b.scale);
  const sum = a.units * 10n ** BigInt(scale - a.scale) + b.units * 10n ** BigInt(scale - b.scale);
  return print(sum, scale);
}

interface Parsed {
  readonly units: bigint;
  readonly scale: number;
}

function parse(text: string): Parsed {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?$/.exec(text.trim());
  if (match === null) throw new RangeError(`'${text}' is not a decimal number.`);
  const [, sign = "", whole = "0", decimals = "", exponent = "0"] = match;
  const scale = decimals.length - Number(exponent);
  const units = BigInt(`${sign}${whole}${decimals}`);
  return scale >= 0 ? { units, scale } : { units: units * 10n ** BigInt(-scale), scale: 0 };
}

function print(units: bigint, scale: number): string {
  const negative = units < 0n;
  const digits = String(negative ? -units : units).padStart(scale + 1, "0");
  const whole = digits.slice(0, digits.length - scale);
  const decimals = digits.slice(digits.length - scale).replace(/0+$/, "");
  const text = scale === 0 || decimals === "" ? whole : `${whole}.${decimals}`;
  return negative ? `-${text}` : text;
}
