import { isOpenRange, type TextRange } from "./range";

/** One criterion of a filter as a chip shows it, and what takes it away. */
export interface Criterion<Filter> {
  readonly name: string;
  readonly value: string;
  readonly cleared: Partial<Filter>;
}

/** The criteria of a list of values: each is taken away by itself. */
export function eachOf<Filter, Value>(
  name: string,
  values: readonly Value[],
  describe: (value: Value) => string,
  cleared: (rest: readonly Value[]) => Partial<Filter>,
): readonly Criterion<Filter>[] {
  return values.map((value) => ({
    name,
    value: describe(value),
    cleared: cleared(without(values, value)),
  }));
}

/** The criterion of a range; none when it is open. */
export function rangeOf<Filter>(
  name: string,
  range: TextRange,
  describe: (range: TextRange) => string,
  cleared: Partial<Filter>,
): readonly Criterion<Filter>[] {
  return isOpenRange(range) ? [] : [{ name, value: describe(range), cleared }];
}

/** Add a value to a list that does not have it. */
export function withValue<Value>(values: readonly Value[], value: Value): readonly Value[] {
  return values.includes(value) ? values : [...values, value];
}

export function without<Value>(values: readonly Value[], value: Value): readonly Value[] {
  return values.filter((other) => other !== value);
}

/** Take a value out of a list that has it, else add it. */
export function toggled<Value>(values: readonly Value[], value: Value): readonly Value[] {
  return values.includes(value) ? without(values, value) : [...values, value];
}
