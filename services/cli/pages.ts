/** Every page of a list, one request at a time. */
export async function* pages<T extends { nextPageToken: string }>(list: (pageToken: string) => Promise<T>): AsyncGenerator<T> {
  let token = ''
  do {
    const page = await list(token)
    yield page
    token = page.nextPageToken
  } while (token !== '')
}
