/** An e-mail address as it is compared: Unicode NFC, lower case. */
export const emailKey = (email: string): string => email.normalize('NFC').toLowerCase()

/** A password as it is hashed: Unicode NFKC, so that every keyboard gives the same (NIST SP 800-63B 5.1.1.2). */
export const passwordText = (password: string): string => password.normalize('NFKC')
