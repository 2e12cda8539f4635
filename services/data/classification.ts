/** Classifications by their number in `tenantry.data.v1.Classification`: the higher the number, the fewer may see it. */
export const CLASSIFICATIONS = ['', 'public', 'internal', 'confidential', 'restricted'] as const

export const PUBLIC = 1
export const INTERNAL = 2
export const RESTRICTED = 4

/** The name that policies know a classification by. */
export const classificationName = (classification: number): string => CLASSIFICATIONS[classification] ?? 'restricted'

/** The highest number that an obligation's name allows; no name is no limit, an unknown one allows nothing above public. */
export const classificationLimit = (name: string): number => {
  if (name === '') return RESTRICTED
  const number = CLASSIFICATIONS.indexOf(name as (typeof CLASSIFICATIONS)[number])
  return number < PUBLIC ? PUBLIC : number
}
