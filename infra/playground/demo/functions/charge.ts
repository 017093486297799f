import { on } from 'deltabridge'

const backoff = { initialSeconds: 0.5, maxSeconds: 1 }

/** Fails twice at every order that is paid, as a payment service might. */
export default on('v1/ConfigMap', { names: ['order-*'], delivery: { backoff } }, (delta, { attempt, log }) => {
  const state = delta.object.data?.state ?? 'gone'
  if (state === 'paid' && attempt <= 2) throw new Error('the payment service answered 503')
  log.info({ type: delta.type, state }, 'charged')
})
