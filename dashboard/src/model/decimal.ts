/** Add two decimal texts exactly: "0.1" and "0.2" are "0.3". */
export function addDecimals(left: string, right: string): string {
  const a = parse(left);
  const b = parse(right);
  const scale = Math.max(a.scale, b.scale);
  const sum = a.units * 10n ** BigInt(scale - a.scale) + b.units * 10n ** BigInt(scale - b.scale);
  return print(sum, scale);
}

/** What compares decimal texts with one: below 0 when they are smaller, above 0 when larger, 0 when equal to the last digit. */
export function compareTo(right: string): (left: string) => number {
  const rightNumber = Number(right);
  return (left) => {
    // As numbers they are in the same order or, beyond sixteen digits, equal: only then the digits are counted.
    const difference = Number(left) - rightNumber;
    return difference === 0 ? compareDigits(left, right) : difference;
  };
}

function compareDigits(left: string, right: string): number {
  const a = parse(left);
  const b = parse(right);
  const scale = Math.max(a.scale, b.scale);
  const exact = a.units * 10n ** BigInt(scale - a.scale) - b.units * 10n ** BigInt(scale - b.scale);
  return exact < 0n ? -1 : exact > 0n ? 1 : 0;
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
