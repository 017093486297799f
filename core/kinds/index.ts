import type { BuiltInKinds } from './generated/kinds.ts'

export type * from './generated/kinds.ts'
export type { Metadata, OwnerReference } from './metadata.ts'
export type { AnyObject, ObjectOf } from './object.ts'

/**
 * Kinds by gvk, as they are on the wire: times are strings. Add your own:
 *
 *     declare module 'deltabridge/kinds' {
 *       interface Kinds {
 *         'example.com/v1/Database': Database
 *       }
 *     }
 */
export interface Kinds extends BuiltInKinds {}
