/** Holds a value against the schema: types, required keys and keys that nobody knows, as faults in plain words. */
import { z } from 'zod';
import { type FaultList, type Path, suggestion } from './faults.js';
import { type TopologySpec, topologySchema } from './spec.js';

/** The value as a spec, or null when its shape is wrong; every fault of shape is added to `faults`. */
export function checkShape(value: unknown, faults: FaultList): TopologySpec | null {
  const before = faults.count;
  findUnknownKeys(topologySchema, value, [], faults);
  const parsed = topologySchema.safeParse(value);
  for (const issue of parsed.error?.issues ?? []) faults.error(issue.path as Path, issueText(issue, value));
  return parsed.success && faults.count === before ? parsed.data : null;
}

function findUnknownKeys(schema: z.ZodType, value: unknown, path: Path, faults: FaultList): void {
  if (schema instanceof z.ZodOptional) findUnknownKeys(schema.unwrap() as z.ZodType, value, path, faults);
  else if (schema instanceof z.ZodArray && Array.isArray(value)) {
    value.forEach((item, i) => {
      findUnknownKeys(schema.element as z.ZodType, item, [...path, i], faults);
    });
  } else if (schema instanceof z.ZodObject && isMapping(value)) {
    for (const [key, item] of Object.entries(value)) {
      const known = schema.shape[key] as z.ZodType | undefined;
      if (known !== undefined) findUnknownKeys(known, item, [...path, key], faults);
      else {
        const names = Object.keys(schema.shape);
        const hint = suggestion(key, names) || `; known are ${names.join(', ')}`;
        faults.error([...path, key], `unknown key${hint}`);
      }
    }
  }
}

function issueText(issue: z.core.$ZodIssue, root: unknown): string {
  const value = issue.path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown>)?.[key], root);
  switch (issue.code) {
    case 'invalid_type':
      return value === undefined ? `missing: ${kindText(issue.expected)}` : expected(issue.expected, value);
    case 'invalid_value': {
      const text = typeof value === 'string' ? suggestion(value, issue.values.map(String)) : '';
      return `${quote(value)} is not one of ${issue.values.join(', ')}${text}`;
    }
    case 'invalid_union': {
      const kinds = issue.errors.map((branch) => branch[0]).filter((first) => first?.path.length === 0);
      const names = kinds.map((first) =>
        'expected' in first ? kindText(String(first.expected)) : first.message,
      );
      return `expected ${names.join(' or ')}, not ${quote(value)}`;
    }
    case 'too_small':
      if (issue.origin === 'array') return 'must not be empty';
      return issue.origin === 'string' ? 'must not be empty' : `${quote(value)} is below ${issue.minimum}`;
    case 'too_big':
      return issue.origin === 'string'
        ? `${quote(value)} is longer than ${issue.maximum} characters`
        : `${quote(value)} is above ${issue.maximum}`;
    default:
      return issue.message;
  }
}

function expected(kind: string, value: unknown): string {
  return `expected ${kindText(kind)}, not ${quote(value)}`;
}

const KIND_TEXTS: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
};

function kindText(kind: string): string {
  return KIND_TEXTS[kind] ?? kind;
}

function quote(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
