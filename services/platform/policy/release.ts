// Written by policies/build.mjs: the bundle that this release was built with.
export const RELEASE_MANIFEST_SHA256 = '355be226473b33685caae413e3be51c4dc88657272e94e9f67829fdfb149e8eb'
