/** Explains an attempt's outcome in words. */

const STATUSES = {
  400: 'The receiver could not read the request.',
  401: 'The receiver rejected the signature.',
  403: 'The receiver rejected the signature or the sender.',
  404: 'The receiver has no route at this path. Check the URI.',
  405: 'The receiver does not accept POST at this path.',
  408: 'The receiver did not read the request in time.',
  411: 'The receiver needs a Content-Length.',
  413: 'The receiver found the body too large.',
  415: 'The receiver does not accept application/json.',
  429: 'The receiver is over its rate limit.',
};

const ERRORS = {
  ECONNREFUSED: 'Nothing listens at this address. Start the receiver, or check the port.',
  ECONNRESET: 'The receiver closed the connection without a response.',
  ENOTFOUND: 'The host name is unknown.',
  EPROTO: 'The receiver does not speak TLS at this port. Use http:// on loopback.',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'The certificate is self-signed.',
  'time-out': 'The receiver did not respond in time. Acknowledge first, then work.',
  closed: 'The simulator closed before the receiver responded.',
};

/** Faults that a receiver must refuse, and the name of such an attempt. */
const ATTACKS = { wrong_signature: 'a forged', unsigned: 'an unsigned', stale: 'an old' };

/** Returns `{tone, text}`; the tone is `bad` where the receiver should have acted differently. */
export function outcomeOf({ answer, faults }) {
  if (!answer) return { tone: 'busy', text: 'The receiver has not responded yet.' };
  const accepted = answer.status >= 200 && answer.status < 300;
  const attack = ATTACKS[faults.find((fault) => fault in ATTACKS)];
  if (accepted && attack) {
    const text = `The receiver accepted ${attack} delivery. It must verify the signature and the timestamp.`;
    return { tone: 'bad', text };
  }
  if (accepted && faults.includes('lost_answer')) {
    return { tone: 'busy', text: 'The receiver accepted it. A fault discarded the response, so a retry follows.' };
  }
  if (accepted) return { tone: 'good', text: 'The receiver accepted it.' };
  if (attack && answer.status >= 400 && answer.status < 500) {
    return { tone: 'good', text: `The receiver refused ${attack} delivery, as it must.` };
  }
  return { tone: 'bad', text: refusal(answer) };
}

function refusal({ status, error }) {
  if (error) return ERRORS[error] ?? `The request failed: ${error}.`;
  if (STATUSES[status]) return STATUSES[status];
  if (status >= 500) return 'The receiver failed. Its log has the reason.';
  if (status >= 300 && status < 400) return 'The receiver redirected the request. Redirects are not followed.';
  return 'The receiver refused the request.';
}
