import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'
import type { HttpAnswer } from './http-failure.ts'

/** What is asked; `headers` are names and values in turn. */
export interface HttpQuestion {
  readonly path: string
  readonly method: Dispatcher.HttpMethod
  readonly headers: string[]
  readonly body: string | null
}

/** What a receiver says beyond this is of no use in a log. */
const mostSaid = 300

/** One request and its answer, whose body is read to its end so that the connection is free again. `request` of undici does the same at twice the price. */
export function exchange(dispatcher: Dispatcher, question: HttpQuestion, signal: AbortSignal): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    let abort = () => {}
    let answer: Omit<HttpAnswer, 'body'> | undefined
    let said = ''
    const onAbort = () => abort()
    const ended = () => signal.removeEventListener('abort', onAbort)
    dispatcher.dispatch(question, {
      onRequestStart(controller) {
        abort = () => controller.abort(signal.reason as Error)
        if (signal.aborted) abort()
        else signal.addEventListener('abort', onAbort)
      },
      onResponseStart(_, status, headers) {
        // 1xx come before the answer
        if (status >= 200) answer = { status, headers: headers as IncomingHttpHeaders }
      },
      onResponseData(_, chunk) {
        if (said.length < mostSaid) said += chunk.toString('utf8', 0, mostSaid)
      },
      onResponseEnd() {
        ended()
        resolve({ ...answer!, body: said.slice(0, mostSaid).trim() })
      },
      onResponseError(_, error) {
        ended()
        reject(error)
      },
    })
  })
}
