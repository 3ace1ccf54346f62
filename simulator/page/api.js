/** Requests to the admin API, and to the Gemini API as a client sends them. */

async function send(method, path, body, headers = {}) {
  const init = { method, headers: { 'content-type': 'application/json', ...headers } };
  const response = await fetch(path, body === undefined ? init : { ...init, body: JSON.stringify(body) });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error.message);
  return answer;
}

export const admin = async (method, path, body) => await send(method, `/admin${path}`, body);

/** Any bearer token is valid, even while only one API key is. */
export const gemini = async (method, path, body) =>
  await send(method, `/v1beta${path}`, body, { authorization: 'Bearer page' });
