import { describe, expect, test } from 'vitest'
import { checkFieldSelector, matchesLabels, parseLabelSelector } from '../../../core/config/selector.ts'

const labels = { env: 'prod', tier: 'web', 'example.com/zone': 'a', weight: '7' }

describe('a label selector', () => {
  test.each([
    'env=prod',
    'env==prod,tier!=db',
    'env in (prod, staging), tier notin (db)',
    'env,!canary',
    'example.com/zone = a',
    'other!=x',
    'other notin (x)',
    'weight>6,weight<8',
  ])('%s selects', (selector) => {
    expect(matchesLabels(parseLabelSelector(selector), labels)).toBe(true)
  })

  test.each([
    'env=dev',
    'env!=prod',
    'env in (dev)',
    'env notin (prod)',
    '!env',
    'other',
    'other=',
    'weight>7',
    'constructor',
  ])('%s does not select', (selector) => {
    expect(matchesLabels(parseLabelSelector(selector), labels)).toBe(false)
  })

  test.each(['', 'a=b=c', 'a b', '=x', 'a in b', 'a in (b', 'a,,b', 'a/b/c=d', '-a=b', 'a=b!', 'a>x', 'A.com/x=1'])(
    '%j is refused',
    (selector) => {
      expect(() => parseLabelSelector(selector)).toThrow(SyntaxError)
    },
  )
})

describe('a field selector', () => {
  test.each(['spec.nodeName=n1', 'status.phase!=Running,spec.x==y', 'metadata.name=a\\,b', 'a='])(
    '%s is one',
    (selector) => {
      expect(() => checkFieldSelector(selector)).not.toThrow()
    },
  )

  test.each(['', 'spec.nodeName', 'a=b,', '=x', 'a in (b)', 'a=b=c'])('%j is none', (selector) => {
    expect(() => checkFieldSelector(selector)).toThrow(SyntaxError)
  })
})
