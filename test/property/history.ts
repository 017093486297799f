import fc from 'fast-check'
import type { ListFault } from './cluster-model.ts'
import type { Mishap } from './fragile-redis.ts'

export type TriggerKind = 'now' | 'old' | 'changed' | 'existing' | 'existing old'

/** One thing that happens to the world. What names something that is not there does nothing. */
export type Step =
  | { readonly do: 'write'; readonly name: string; readonly field: 'value' | 'noise' }
  | { readonly do: 'delete' | 'recreate'; readonly name: string }
  | { readonly do: 'compact' | 'end watches' | 'bookmark' | 'sweep' | 'settle' | 'thaw' }
  | { readonly do: 'cut watches'; readonly cleanly: boolean }
  | { readonly do: 'fail list'; readonly fault: ListFault }
  | { readonly do: 'add trigger'; readonly kind: TriggerKind }
  | { readonly do: 'swap trigger' | 'remove trigger'; readonly which: number }
  | { readonly do: 'break watcher'; readonly mishap: Mishap; readonly commands: number }
  | { readonly do: 'break dispatcher'; readonly which: number; readonly mishap: Mishap; readonly commands: number }
  /** The next so many deliveries of the object fail. */
  | { readonly do: 'fail'; readonly name: string; readonly type: 'Updated' | 'Deleted'; readonly times: number }
  /** Meanwhile others do something. */
  | { readonly do: 'breathe'; readonly ticks: number }

const name = fc.constantFrom('a', 'b', 'c')
const mishap = fc.constantFrom<Mishap>('dies before', 'dies after', 'loses command', 'loses answer', 'freezes')
const which = fc.nat({ max: 5 })

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ do: fc.constant('write'), name, field: fc.constantFrom('value', 'noise') }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('delete'), name }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('recreate'), name }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('breathe'), ticks: fc.integer({ min: 1, max: 20 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('settle') }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('compact') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('end watches') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('bookmark', 'sweep', 'thaw') }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('cut watches'), cleanly: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('fail list'), fault: fc.constantFrom('refused', 'cut', 'expired') }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('add trigger'),
      kind: fc.constantFrom('now', 'old', 'changed', 'existing', 'existing old'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('swap trigger', 'remove trigger'), which }) },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('break watcher'), mishap, commands: fc.nat({ max: 12 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('break dispatcher'), which, mishap, commands: fc.nat({ max: 8 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('fail'),
      name,
      type: fc.constantFrom('Updated', 'Deleted'),
      times: fc.constantFrom(1, 2, 1_000),
    }),
  },
)

/** Begins with something to see and somebody who sees it, or short histories would mostly be about nothing. */
export const history: fc.Arbitrary<readonly Step[]> = fc
  .tuple(
    fc.constantFrom<TriggerKind>('now', 'old', 'changed', 'existing', 'existing old'),
    fc.array(step, { minLength: 1, maxLength: 30, size: 'max' }),
  )
  .map(([kind, steps]): readonly Step[] => [
    { do: 'write', name: 'a', field: 'value' },
    { do: 'add trigger', kind },
    ...steps,
  ])
