/** Published test vectors (docs/gemini-wire.md 13). Never use these keys for anything else. */

/** All signatures below are made for this id and time. */
export const id = 'msg_3f0c9a52-7d41-4b8e-9c16-2a5be07d1f84';
export const timestampSeconds = 1_780_000_000;
export const body =
  '{"type":"batch.succeeded","version":"v1","timestamp":"2026-05-28T20:26:40Z","data":{"id":"batches/ex4mpleb4tch0001","output_file_uri":"https://generativelanguage.googleapis.com/v1beta/files/batch-ex4mpleb4tch0001:download?alt=media"}}';
export const bodySha256 = 'fcb04be1d2bccbe3fe35a110ab6d0569a2f793b88db923022a1c848ecd730e32';

/** HMAC, 13.2. */
export const secrets = {
  a: 'whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=',
  b: 'whsec_dnV0c3JxcG9ubWxramloZ2ZlZGNiYTk4NzY1NDMyMTA=',
} as const;
export const v1 = {
  a: 'v1,PQKqoaUZ31vU+KsOAkgAXO6PPgo2LJOUgWCmGGbYU3A=',
  /** During a rotation from A to B. */
  rotation: 'v1,sF8ST3bzEC8sfb90Pm5KFfyC8OUy0xy4yqjSTv2+o1Y= v1,PQKqoaUZ31vU+KsOAkgAXO6PPgo2LJOUgWCmGGbYU3A=',
  emptyBody: 'v1,BMsHxXGHYsvgaJmCO4uFyK0KaA1lIbSLsyuWYfTp+Fs=',
} as const;
export const nonAscii = {
  body: '{"type":"batch.failed","version":"v1","timestamp":"2026-05-28T20:26:40Z","data":{"id":"batches/ex4mpleb4tch0002","error_code":"3","error_message":"größe ungültig – ❌"}}',
  sha256: '56b6a3e7ff33bda371b14c39589f6b29f24cec21060d4a13a06cd718cdeb2224',
  v1: 'v1,zep7ApsqadXcIR4E65UhyYHRN+Xh48D7Ej+cyfVfXUw=',
} as const;

/** Ed25519, 13.3. The seed is in hex. */
export const ed25519 = [
  {
    kid: 'sim-ed-1',
    seed: '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
    x: 'A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg',
    v1a: 'v1a,sbQgwBasGXf8D3cTS4ht7oj0OPHU/5X5XLas9sfP9etc6RAvW7aj7Cw1V5JscBsOS+LnZ+kFNl2AfAZZSF6RBQ==',
  },
  {
    kid: 'sim-ed-2',
    seed: '202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f',
    x: 'Kay64UG8yvCyLhqU000LxzYeUm0L_hLIl5S8kyKWbdc',
    v1a: 'v1a,eFux/hlf4Az/hZ7TLRRkQj20+XCpwrdaiuSPZ9OZ8heoIyUWODvhQHh7G5pMMWEv47Sa585yrPBBDMYrnA13Cw==',
  },
  {
    kid: 'sim-ed-3',
    seed: '404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f',
    x: 'JUO5L_EJVRFHatyDadtt3JM2ZaEZeN2hQE7hBmypVZ0',
    v1a: 'v1a,y87wxN9HgMvBZiSssFYsDLHsgUA/ol57TJ/ePVshbneZyYBQBXC6gjPBQpZW/qos8+7+wpH2aoFVlxVrz+z4Dg==',
  },
] as const;
const publicOf = ({ kid, x }: (typeof ed25519)[number]) => ({
  kty: 'OKP',
  crv: 'Ed25519',
  x,
  kid,
  alg: 'EdDSA',
  use: 'sig',
});
export const jwks = { keys: [publicOf(ed25519[0]), publicOf(ed25519[1]), publicOf(ed25519[2])] } as const;

/** JWT, 13.4 and 13.5. */
export const rsaPrivateJwk = {
  kty: 'RSA',
  n: 'wOMT0yKqIZwTmD-jhyQCkcL-4FYo__KeBzcmuQfm8wSJX0MWJgHoLItDityFkgkTAbXj14VbM59KhZfKLhgtk2HHK-SzmAQF9QUt4M1hhZ-sGlcgcRQHrNoAhgxdJYQmlc7pSY_8vC5X2d4yirEmBaZrDfj0kT1i6TIvHMg1xbHj0cmks6L9pbETyXSITJ_oTIpww0IJSLiOAVHGOdvDPl1xwmdoCXYRCda-20JCt7uXTe69fZgPYMnBcUDZyjJ_R_OV0S81Vi-1tGG2IMJcokipY4xJa39OXnRnFwnfr3mcOakU91az91JFr6dzHywCclHZCMWaALWP8wlpJd1JpQ',
  e: 'AQAB',
  d: 'Og3ecKS1Sgpcx20X_duzvkVPSxwDmQ1fzNInoHclZq1N31MkvmnChG2h9ZBrz0lV5CTnn31utrnRxyWpX3g9d2dtd-OMvksvs9BMP6XxHTOyq_bfN8mMidTPZYkhG-KLbnlpM4_XxJe6L0O2OJIa3IZ7ICh3C6PLOl61WVdU_9wF3zwMNOQjAL30KqWs-bjRQbwnrPjVqJdpC6c0LAoYxH9_tz-xzVh-PA3KvSEwIfw-z634fzU6RvXFOz6DF5vjuRn6fhrlk5a44l0wYRn6V_y1g8s2MfDq6c0LXV4cByaM7OJ1_CGaMlOgGpyJdVct4mU4Dm7P8hnQnN7u9AGXHQ',
  p: '5RXsKRSUw6tTJK48e3tS46W91m2C41kQm-y-FtTc_oRAEjeQjGbwQ4H9VSou9xuGzhvVXUIhFLIzrW71s1GxUskS3SbA4-jQJHiKKnvjXAWpgxYkTsBsbDZSNMjrR0fOhgT3m4-h7RVXxLoryrKHRuIj4srjPcmRepC_NTiNtIs',
  q: '14xuEfOXv19DEd4oSUDJ2F_4cFJxirVUeRGGErCDaSgDSKN-NuYY_zfS4yvJoFF7_QUHHOklYJzA06K5OqnjSV9vVXhoK6CvrVtg8FBqaUHtdIEGaETx4ZA7-4feEwWicS3ckHxwJ9HZP1LkxP3WkSe28Y-fzUJEP3OBUxoeUI8',
  dp: '409WbwjJ-EHWlS4CO7CJ9fLupIczee1VSrKlh7gdtLp7bNgPqRE3VHT2b3wU8AMzRu5dT1UfyA5usqfISu9DmVaFTkV23m6ToaytxCv71MKVicn9qtrKerGH7nJy6t64cUkafBQQY1RrK3xjmZR-IHqhixcwVo3cuZZI9EEycrM',
  dq: 'Mp7RLrgVWCUoHCcfMOzdOkp3jvFdpuSk3PXnlbYMdoKmGsYCmyP4lN9oUF91L4hTZP1sSTbbx0-o3Urm00cYkJ-wBtOLK0vGViESp_1KsEOCX4z5kz01zPJRk-W5mqAFIS1TEj-XG1LmAUAXZ8fxPw-joCFJtyur2Xbn1TtaCTM',
  qi: 'v1se791VgDaxdRHRnbXmiR1pbijSMz-pWRcneaG3_FHkjFBaGjw27v1RER-i5CLQKoAICzdT88EJAr8TbgskjZdSWBaixZsD0fc-GDSChtNsVXi2S2px9SGKkkaex4epXtoqWNfuTZkIrJBLf74Uekp--fw4w06RhEP5TSxGR9Q',
} as const;
export const claims = {
  iss: 'https://generativelanguage.googleapis.com',
  aud: 'https://hooks.example.test/gemini/dynamic',
  iat: 1780000000,
  exp: 1780000300,
  jti: 'msg_3f0c9a52-7d41-4b8e-9c16-2a5be07d1f84',
  type: 'batch.succeeded',
  version: 'v1',
  timestamp: '2026-05-28T20:26:40Z',
  data: {
    id: 'batches/ex4mpleb4tch0001',
    output_file_uri: 'https://generativelanguage.googleapis.com/v1beta/files/batch-ex4mpleb4tch0001:download?alt=media',
  },
} as const;
export const jwtRs256 = {
  header: {
    alg: 'RS256',
    kid: 'sim-rsa-1',
    typ: 'JWT',
  },
  token:
    'eyJhbGciOiJSUzI1NiIsImtpZCI6InNpbS1yc2EtMSIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL2dlbmVyYXRpdmVsYW5ndWFnZS5nb29nbGVhcGlzLmNvbSIsImF1ZCI6Imh0dHBzOi8vaG9va3MuZXhhbXBsZS50ZXN0L2dlbWluaS9keW5hbWljIiwiaWF0IjoxNzgwMDAwMDAwLCJleHAiOjE3ODAwMDAzMDAsImp0aSI6Im1zZ18zZjBjOWE1Mi03ZDQxLTRiOGUtOWMxNi0yYTViZTA3ZDFmODQiLCJ0eXBlIjoiYmF0Y2guc3VjY2VlZGVkIiwidmVyc2lvbiI6InYxIiwidGltZXN0YW1wIjoiMjAyNi0wNS0yOFQyMDoyNjo0MFoiLCJkYXRhIjp7ImlkIjoiYmF0Y2hlcy9leDRtcGxlYjR0Y2gwMDAxIiwib3V0cHV0X2ZpbGVfdXJpIjoiaHR0cHM6Ly9nZW5lcmF0aXZlbGFuZ3VhZ2UuZ29vZ2xlYXBpcy5jb20vdjFiZXRhL2ZpbGVzL2JhdGNoLWV4NG1wbGViNHRjaDAwMDE6ZG93bmxvYWQ_YWx0PW1lZGlhIn19.SPKxq3pTAv1BbYs9It3RMiO1qSTvPwKrGOzvBmFHsZDjUxz_uPfGrhcQCvxY0j35Po3mQPMpNwuDKJJYZCNgQYgwRnp-ZFSalCpAyHocsPxVAQOZ32258UmWXitB7ly7GQLk4RsqpfyQRGrIIqTQ6EocQ6jtxHtKsmtUvMgLCzNyM6LyNjrS6Jk8s-Qd7xDRSW1IwPWByjfqNN4Z3JeelG9JrnFL9JNG--eQDV6Wyod0hg9uifMg65w2yhr_xvcs1yXXLFMjOc8T2CpIOxltdsSYGQLHcc9ZoUC3DPIFdmZ5IMtRnQU5AB9pb_NrX1_WdT1qoA5VCQV8KjcOteI8YQ',
} as const;
export const jwtEdDsa = {
  header: {
    alg: 'EdDSA',
    kid: 'sim-ed-1',
    typ: 'JWT',
  },
  token:
    'eyJhbGciOiJFZERTQSIsImtpZCI6InNpbS1lZC0xIiwidHlwIjoiSldUIn0.eyJpc3MiOiJodHRwczovL2dlbmVyYXRpdmVsYW5ndWFnZS5nb29nbGVhcGlzLmNvbSIsImF1ZCI6Imh0dHBzOi8vaG9va3MuZXhhbXBsZS50ZXN0L2dlbWluaS9keW5hbWljIiwiaWF0IjoxNzgwMDAwMDAwLCJleHAiOjE3ODAwMDAzMDAsImp0aSI6Im1zZ18zZjBjOWE1Mi03ZDQxLTRiOGUtOWMxNi0yYTViZTA3ZDFmODQiLCJ0eXBlIjoiYmF0Y2guc3VjY2VlZGVkIiwidmVyc2lvbiI6InYxIiwidGltZXN0YW1wIjoiMjAyNi0wNS0yOFQyMDoyNjo0MFoiLCJkYXRhIjp7ImlkIjoiYmF0Y2hlcy9leDRtcGxlYjR0Y2gwMDAxIiwib3V0cHV0X2ZpbGVfdXJpIjoiaHR0cHM6Ly9nZW5lcmF0aXZlbGFuZ3VhZ2UuZ29vZ2xlYXBpcy5jb20vdjFiZXRhL2ZpbGVzL2JhdGNoLWV4NG1wbGViNHRjaDAwMDE6ZG93bmxvYWQ_YWx0PW1lZGlhIn19.qFk1SX-riKKlSd8G0mi7UykqxUfn5Z9u6s9QNxt6Roc8653MgTHu_gXwNsCq7echg-8v9V8XnUPpbdQSCHyjDg',
} as const;
