/** What a function module needs. Kinds are in `deltabridge/kinds`, what tests of functions need is in `deltabridge/testing`. */
export type { Context, Log, LogMethod } from './context.ts'
export type {
  Added,
  AnyDelta,
  Deleted,
  DeletedUnseen,
  DeltaOf,
  DeltaType,
  LastKnown,
  Reason,
  Updated,
  UpdatedWithOld,
} from './delta.ts'
export { PermanentError, TemporaryError } from './errors.ts'
export type { AnyObject, ObjectOf } from './kinds/object.ts'
export { type Delivery, type DeltaFunction, type Filter, type Handler, on, type Trigger } from './on.ts'
