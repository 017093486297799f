import type { S3Client } from '@aws-sdk/client-s3'
import type { ClaimCheckSettings } from '../../core/config/settings.ts'
import type { CloudEvent } from './cloudevent.ts'
import { SinkError } from './sink.ts'

/** Where data goes that is too large for an event. */
export interface ClaimCheck {
  /** Stores the event's data, once however often it is called; what it resolves with is the event's `dataref`. */
  put(event: CloudEvent, signal: AbortSignal): Promise<string>
  /** Rejects with a SinkError when nothing could be stored. */
  check(signal: AbortSignal): Promise<void>
  close(): void
}

type S3 = typeof import('@aws-sdk/client-s3')

/** The client of S3 is for those who use it to install: told in one line when it is missing. */
export async function loadS3(load: () => Promise<S3> = () => import('@aws-sdk/client-s3')): Promise<S3> {
  try {
    return await load()
  } catch (cause) {
    const message =
      'claimCheck needs the package @aws-sdk/client-s3, which is not installed: npm install @aws-sdk/client-s3'
    throw new SinkError('Misconfigured', message, { cause })
  }
}

/** Puts data into an S3 bucket under `<prefix><trigger>/<delta id>.json`: the same key for every attempt. */
export function s3ClaimCheck({ bucket, prefix = '', region, endpoint }: ClaimCheckSettings): ClaimCheck {
  let opened: Promise<{ s3: S3; client: S3Client }> | undefined

  async function open() {
    const s3 = await loadS3()
    const client = new s3.S3Client({
      ...(region !== undefined && { region }),
      // other stores rarely have a host name per bucket
      ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
      maxAttempts: 2,
      requestHandler: { connectionTimeout: 1000, requestTimeout: 5_000, throwOnRequestTimeout: true },
    })
    return { s3, client }
  }

  function once() {
    opened ??= open()
    return opened
  }

  return {
    async put(event, abortSignal) {
      const { s3, client } = await once()
      const Key = `${prefix}${event.trigger}/${event.id}.json`
      const object = { Bucket: bucket, Key, Body: JSON.stringify(event.data), ContentType: 'application/json' }
      try {
        await client.send(new s3.PutObjectCommand({ ...object, IfNoneMatch: '*' }), { abortSignal })
      } catch (error) {
        // an earlier attempt has put it there
        if ((error as Error).name !== 'PreconditionFailed') throw error
      }
      return `s3://${bucket}/${Key}`
    },

    async check(abortSignal) {
      const { s3, client } = await once()
      try {
        await client.send(new s3.HeadBucketCommand({ Bucket: bucket }), { abortSignal })
      } catch (cause) {
        abortSignal.throwIfAborted()
        const status = (cause as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode
        // s3:ListBucket is more than storing needs
        if (status === 403) return
        if (status === 404)
          throw new SinkError(
            'NotFound',
            `claimCheck: bucket ${bucket} does not exist; create it or correct the name`,
            { cause },
          )
        const { name, message } = cause as Error
        throw new SinkError('Unavailable', `claimCheck: bucket ${bucket} could not be looked up: ${name}: ${message}`, {
          cause,
        })
      }
    },

    close() {
      void opened?.then(
        ({ client }) => client.destroy(),
        () => {},
      )
    },
  }
}
