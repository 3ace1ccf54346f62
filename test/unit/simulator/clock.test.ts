import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { Clock } from '../../../simulator/clock.ts';

describe('a manual clock', () => {
  test('stands still until it is advanced', async () => {
    const clock = new Clock({ manual: true, startMillis: 1_000 });
    expect(clock.now()).toBe(1_000);
    await clock.advance(500);
    expect(clock.now()).toBe(1_500);
  });

  test('runs due tasks in order of time, each at its own time', async () => {
    const clock = new Clock({ manual: true, startMillis: 0 });
    const ran: string[] = [];
    const note = (name: string) => () => void ran.push(`${name} at ${clock.now()}`);
    clock.after(30, note('c'));
    clock.after(10, note('a'));
    clock.after(30, note('d'));
    clock.after(20, note('b'));
    clock.after(31, note('too late'));
    await clock.advance(30);
    expect(ran).toEqual(['a at 10', 'b at 20', 'c at 30', 'd at 30']);
  });

  test('awaits each task, and runs tasks that a task adds', async () => {
    const clock = new Clock({ manual: true, startMillis: 0 });
    const ran: number[] = [];
    const again = async () => {
      await Promise.resolve();
      ran.push(clock.now());
      clock.after(10, again);
    };
    clock.after(10, again);
    await clock.advance(35);
    expect(ran).toEqual([10, 20, 30]);
    expect(clock.now()).toBe(35);
  });

  test('runs tasks of one instant together', async () => {
    const clock = new Clock({ manual: true, startMillis: 0 });
    const { promise, resolve } = Promise.withResolvers<void>();
    clock.after(5, async () => await promise);
    clock.after(5, () => resolve());
    await expect(clock.advance(5)).resolves.toBeUndefined();
  });

  test('skips a cancelled task, even if a task of the same instant cancelled it', async () => {
    const clock = new Clock({ manual: true, startMillis: 0 });
    const ran: string[] = [];
    clock.after(5, () => later.cancel());
    const later = clock.after(5, () => void ran.push('cancelled'));
    clock.after(5, () => void ran.push('kept'));
    await clock.advance(10);
    expect(ran).toEqual(['kept']);
  });

  test('runs overlapping advances one after another', async () => {
    const clock = new Clock({ manual: true, startMillis: 0 });
    await Promise.all([clock.advance(10), clock.advance(20)]);
    expect(clock.now()).toBe(30);
  });

  test('rejects with the error of a task and keeps running', async () => {
    const clock = new Clock({ manual: true, startMillis: 0 });
    clock.after(1, () => {
      throw new Error('broken');
    });
    await expect(clock.advance(1)).rejects.toThrow('broken');
    await clock.advance(1);
    expect(clock.now()).toBe(2);
  });

  test('refuses to go back', async () => {
    await expect(new Clock({ manual: true }).advance(-1)).rejects.toThrow(RangeError);
  });
});

describe('a running clock', () => {
  test('runs tasks when they fall due, and at once when it is advanced past them', async () => {
    const clock = new Clock();
    const { promise, resolve } = Promise.withResolvers<string>();
    clock.after(5, () => resolve('due'));
    await expect(promise).resolves.toBe('due');
    let ran = false;
    clock.after(3_600_000, () => {
      ran = true;
    });
    const before = Date.now();
    await clock.advance(3_600_000);
    expect(ran).toBe(true);
    expect(clock.now() - before).toBeGreaterThanOrEqual(3_600_000);
    await clock.close();
  });

  test('advances after the tasks that are running', async () => {
    const clock = new Clock();
    const { promise: started, resolve: start } = Promise.withResolvers<void>();
    const { promise: release, resolve: end } = Promise.withResolvers<void>();
    const order: string[] = [];
    clock.after(0, async () => {
      start();
      await release;
      order.push('task');
    });
    await started;
    setTimeout(end, 20);
    await clock.advance(0);
    order.push('advance');
    expect(order).toEqual(['task', 'advance']);
    await clock.close();
  });

  test('keeps the time that an advance took', async () => {
    const clock = new Clock();
    const before = clock.now() - Date.now();
    clock.after(0, async () => await sleep(50));
    await clock.advance(1_000);
    expect(clock.now() - Date.now() - before).toBeGreaterThan(990);
    await clock.close();
  });

  test('logs the error of a task and keeps running', async () => {
    const logged = vi.spyOn(console, 'error').mockReturnValue();
    onTestFinished(() => logged.mockRestore());
    const clock = new Clock();
    clock.after(0, async () => await Promise.reject(new Error('broken')));
    const { promise, resolve } = Promise.withResolvers<string>();
    clock.after(1, () => resolve('next'));
    await expect(promise).resolves.toBe('next');
    await clock.close();
    expect(logged.mock.calls).toEqual([[new Error('broken')]]);
  });

  test('waits for tasks beyond the longest timer', async () => {
    const clock = new Clock();
    let ran = false;
    clock.after(2 ** 31 + 1_000, () => {
      ran = true;
    });
    await clock.advance(2 ** 31);
    expect(ran).toBe(false);
    await clock.advance(1_000);
    expect(ran).toBe(true);
    await clock.close();
  });

  test('leaves no timer when it is closed', async () => {
    const timeouts = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timeouts();
    const clock = new Clock();
    clock.after(60_000, () => undefined);
    expect(timeouts()).toBe(before + 1);
    await clock.close();
    clock.after(60_000, () => undefined);
    expect(timeouts()).toBe(before);
  });
});
