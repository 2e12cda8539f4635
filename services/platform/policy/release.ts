// Written by policies/build.mjs: the bundle that this release was built with.
export const RELEASE_MANIFEST_SHA256 = '73193851742cce97b8eaefadd582c7e5808f8a885a627f937f82c2454a57c5ee'
