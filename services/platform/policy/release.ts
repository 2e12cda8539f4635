// Written by policies/build.mjs: the bundle that this release was built with.
export const RELEASE_MANIFEST_SHA256 = '85ff506461a722b48206e1d74e95718d9f315f2e28afaf36d07f499be2bea8ea'
