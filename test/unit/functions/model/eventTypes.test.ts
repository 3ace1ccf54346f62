import { describe, expect, test } from 'vitest';
import {
  announcementOf,
  canHaveOutput,
  isFinal,
  isRemark,
  stateOf,
  SUBSCRIBABLE_TYPES,
} from '../../../../functions/model/eventTypes.ts';

describe('stateOf', () => {
  test.each([
    ['batch.succeeded', 'succeeded'],
    ['batch.failed', 'failed'],
    ['batch.expired', 'expired'],
    ['batch.cancelled', 'cancelled'],
    ['interaction.completed', 'succeeded'],
    ['interaction.requires_action', 'requires_action'],
    ['interaction.failed', 'failed'],
    ['interaction.cancelled', 'cancelled'],
    ['interaction.budget_exceeded', 'failed'],
    ['video.generated', 'succeeded'],
    ['video.failed', 'failed'],
    ['tuning.completed', 'succeeded'],
    ['tuning.running', 'running'],
    ['batch.paused', 'unknown'],
    ['job.overdue', 'unknown'],
    ['constructor', 'unknown'],
    ['', 'unknown'],
  ])('%s announces %s', (type, state) => {
    expect(stateOf(type)).toBe(state);
  });
});

test('only succeeded, failed, cancelled and expired are final', () => {
  const states = ['submitted', 'running', 'requires_action', 'succeeded', 'failed', 'cancelled', 'expired', 'unknown'];
  expect(states.filter((state) => isFinal(state as Parameters<typeof isFinal>[0]))).toEqual([
    'succeeded',
    'failed',
    'cancelled',
    'expired',
  ]);
});

test('Gemini accepts subscriptions to seven types', () => {
  expect(SUBSCRIBABLE_TYPES.toSorted()).toEqual([
    'batch.expired',
    'batch.failed',
    'batch.succeeded',
    'interaction.completed',
    'interaction.failed',
    'interaction.requires_action',
    'video.generated',
  ]);
});

test.each([
  ['batch', 'succeeded', 'batch.succeeded'],
  ['batch', 'partially_succeeded', 'batch.succeeded'],
  ['batch', 'expired', 'batch.expired'],
  ['interaction', 'incomplete', 'interaction.incomplete'],
  ['interaction', 'requires_action', 'interaction.requires_action'],
  ['video', 'generated', 'video.generated'],
  ['video', 'failed', 'video.failed'],
  ['batch', 'cancelling', undefined],
  ['batch', 'completed', undefined],
  ['interaction', 'requires_continuation', undefined],
  ['unknown', 'overdue', undefined],
  ['batch', '', undefined],
] as const)('the status of a %s "%s" is announced as %s', (kind, status, type) => {
  expect(announcementOf(kind, status)).toBe(type);
});

test.each([
  ['batch.succeeded', true],
  ['batch.failed', true],
  ['batch.cancelled', true],
  ['batch.expired', false],
  ['interaction.requires_action', true],
  ['interaction.failed', false],
  ['video.failed', false],
  ['job.overdue', false],
  ['toString', false],
])('results are read after %s: %s', (type, expected) => {
  expect(canHaveOutput(type)).toBe(expected);
});

test('job.overdue is a remark, and an unknown type is not', () => {
  expect([isRemark('job.overdue'), isRemark('batch.paused'), isRemark('batch.failed')]).toEqual([true, false, false]);
});
