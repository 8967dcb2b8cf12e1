// A stand-in for an instance of Sigstore on this machine: the authorities and logs are those of `@sigstore/mock`, with
// which the JavaScript client of Sigstore is tested. Here they get a door, and do what the mock leaves out: they look at
// proofs of possession and signatures, and a log keeps what the real one would.
//
//     node standin.mjs MODULES FOLDER      MODULES holds node_modules, FOLDER gets the configurations
//
// It says `ready URL` when it is, and ends when its standard input does, or after ten minutes.

import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';

const [modules, folder] = process.argv.slice(2).map((argument) => path.resolve(argument));
const require = createRequire(path.join(modules, 'standin.js'));
const mock = require('@sigstore/mock');
const sign = require('@sigstore/sign');
const verify = require('@sigstore/verify');
const { bundleFromJSON, bundleToJSON } = require('@sigstore/bundle');
const { TrustedRoot } = require('@sigstore/protobuf-specs');
const pkijs = require('pkijs');
const x509 = require('@peculiar/x509');

const SHA256 = '2.16.840.1.101.3.4.2.1';
const pair = () => crypto.generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const sha256 = (bytes) => crypto.createHash('sha256').update(bytes).digest();

const server = http.createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', async () => {
    let answer;
    try {
      answer = await route(request, Buffer.concat(parts));
    } catch (error) {
      answer = { statusCode: 400, response: `${error.message} ${error.cause ?? ''}`, contentType: 'text/plain' };
    }
    response.writeHead(answer.statusCode, { 'Content-Type': answer.contentType ?? 'application/json' });
    response.end(answer.response);
  });
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const url = `http://127.0.0.1:${server.address().port}`;

const keys = { ca: pair(), ct: pair(), log: pair(), tsa: pair() };
const ct = await mock.initializeCTLog(keys.ct);
const ca = await mock.initializeCA(keys.ca, ct);
const log = await mock.initializeTLog(url, keys.log);
const tsa = await mock.initializeTSA(keys.tsa);
// Whole seconds, as Sigstore's own authority has them: `sigstore-verify` reads no fractions.
tsa.getCurrentTime = () => new Date(Math.floor(Date.now() / 1000) * 1000);
const fulcio = mock.fulcioHandler(ca);

// What must be true of an envelope before a log takes it.
function check(envelope, certificate) {
  const payload = Buffer.from(envelope.payload, 'base64');
  const type = envelope.payloadType;
  const signed = Buffer.concat([Buffer.from(`DSSEv1 ${type.length} ${type} ${payload.length} `), payload]);
  const key = new crypto.X509Certificate(certificate).publicKey;
  const signature = Buffer.from(envelope.signatures[0].sig, 'base64');
  if (!crypto.verify('sha256', signed, key, signature)) throw new Error('the signature does not hold');
  return { payload, signature };
}

// Rekor keeps digests of what was proposed (`dsse` 0.0.1).
async function entry1(body) {
  const proposed = JSON.parse(body).spec.proposedContent;
  const verifier = proposed.verifiers[0];
  const { payload, signature } = check(JSON.parse(proposed.envelope), Buffer.from(verifier, 'base64'));
  const hash = (bytes) => ({ algorithm: 'sha256', value: sha256(bytes).toString('hex') });
  return log.log({
    apiVersion: '0.0.1',
    kind: 'dsse',
    spec: {
      envelopeHash: hash(proposed.envelope),
      payloadHash: hash(payload),
      signatures: [{ signature: signature.toString('base64'), verifier }],
    },
  });
}

// Version 2 takes a digest and knows no time (`hashedrekord` 0.0.2).
async function entry2(body) {
  const { digest, signature } = JSON.parse(body).hashedRekordRequestV002;
  const data = { algorithm: 'SHA2_256', digest };
  const entry = await log.logV2({
    apiVersion: '0.0.2',
    kind: 'hashedrekord',
    spec: { hashedRekordV002: { data, signature } },
  });
  const base64 = (bytes) => Buffer.from(bytes).toString('base64');
  // The mock is wrong about some of it: this entry is the only one of its tree (RFC 6962, section 2.1).
  const rootHash = base64(sha256(Buffer.concat([Buffer.of(0), entry.canonicalizedBody])));
  return {
    logIndex: '0',
    logId: { keyId: base64(entry.logId.keyId) },
    kindVersion: { kind: 'hashedrekord', version: '0.0.2' },
    inclusionProof: { ...entry.inclusionProof, logIndex: '0', rootHash },
    canonicalizedBody: base64(entry.canonicalizedBody),
  };
}

// Clients send the request of a certificate as base64 of its PEM; the mock takes the PEM, and does not look whether
// whoever sends it has the key.
// The Python client shows its token in a header.
async function certificate(request, body) {
  const asked = JSON.parse(body);
  asked.credentials ??= { oidcIdentityToken: request.headers.authorization.replace('Bearer ', '') };
  if (asked.certificateSigningRequest) {
    asked.certificateSigningRequest = Buffer.from(asked.certificateSigningRequest, 'base64').toString();
    const proof = new x509.Pkcs10CertificateRequest(asked.certificateSigningRequest);
    if (!(await proof.verify())) throw new Error('the request does not prove that its sender has the key');
  }
  const answer = await fulcio.fn(JSON.stringify(asked));
  if (answer.statusCode !== 201) return answer;
  // It writes PEM on one line, which is none (RFC 7468, section 2).
  const issued = JSON.parse(answer.response);
  const { chain } = issued.signedCertificateEmbeddedSct;
  chain.certificates = chain.certificates.map((pem) => new crypto.X509Certificate(pem).toString());
  return { ...answer, response: JSON.stringify(issued) };
}

// The mock takes JSON of its own, and clients send what RFC 3161 says.
async function timestamp(request, body) {
  let asked;
  if (request.headers['content-type'] === 'application/timestamp-query') {
    const query = pkijs.TimeStampReq.fromBER(body);
    asked = { artifactHash: query.messageImprint.hashedMessage.valueBlock.valueHexView, certReq: query.certReq };
  } else {
    const json = JSON.parse(body);
    asked = { artifactHash: Buffer.from(json.artifactHash, 'base64'), certReq: json.certificates };
  }
  const stamped = await tsa.timestamp({
    ...asked,
    artifactHash: Buffer.from(asked.artifactHash),
    hashAlgorithmOID: SHA256,
    nonce: 1234567890,
    policyOID: '1.3.6.1.4.1.57264.2',
  });
  return { statusCode: 201, response: stamped, contentType: 'application/timestamp-reply' };
}

// A bundle by the JavaScript client, for the statement that is sent.
async function theirs(request, body) {
  const identityProvider = { getToken: async () => request.headers['x-token'] };
  const signer = new sign.FulcioSigner({ fulcioBaseURL: url, identityProvider });
  const witnesses = [
    new sign.RekorWitness({ rekorBaseURL: url, entryType: 'dsse' }),
    new sign.TSAWitness({ tsaBaseURL: url }),
  ];
  const builder = new sign.DSSEBundleBuilder({ signer, witnesses });
  const bundle = await builder.create({ data: body, type: 'application/vnd.in-toto+json' });
  return { statusCode: 200, response: JSON.stringify(bundleToJSON(bundle)) };
}

// Whether the JavaScript client takes a bundle.
async function taken(request, body) {
  const material = verify.toTrustMaterial(TrustedRoot.fromJSON(roots));
  const verifier = new verify.Verifier(material, { tlogThreshold: 1, ctlogThreshold: 1 });
  const identity = { subjectAlternativeName: request.headers['x-identity'] };
  verifier.verify(verify.toSignedEntity(bundleFromJSON(JSON.parse(body))), identity);
  return { statusCode: 200, response: '{}' };
}

const json = (value) => ({ statusCode: 201, response: JSON.stringify(value) });
let strangers;

async function route(request, body) {
  const target = request.url.split('?')[0];
  switch (target) {
    case '/api/v2/signingCert':
      return certificate(request, body);
    case '/api/v1/log/entries':
      return json(await entry1(body));
    case '/api/v2/log/entries':
      return json(await entry2(body));
    case '/api/v1/timestamp':
      return timestamp(request, body);
    // The Python client looks whether there is an identity provider, also where it has a token.
    case '/.well-known/openid-configuration':
      return json({ issuer: url, authorization_endpoint: `${url}/auth`, token_endpoint: `${url}/token` });
    case '/sign':
      return theirs(request, body);
    case '/verify':
      return taken(request, body);
    // Services that are up to no good.
    case '/repeats/api/v2/signingCert':
      return { statusCode: 403, response: `no: ${body}` };
    case '/lies/api/v2/signingCert':
      strangers ??= await certificate(request, body);
      return strangers;
    case '/lies/api/v1/log/entries': {
      const entries = await entry1(body);
      for (const entry of Object.values(entries)) entry.integratedTime += 1;
      return json(entries);
    }
    case '/leads/api/v2/signingCert':
      return { statusCode: 307, response: '' };
    // What GitHub's runners offer to their jobs.
    case '/ambient': {
      const allowed = request.headers.authorization === 'Bearer runner' && request.url.endsWith('&audience=sigstore');
      if (!allowed) return { statusCode: 401, response: `not for ${request.headers.authorization}` };
      return json({ value: token });
    }
    default:
      return { statusCode: 404, response: 'nothing is here' };
  }
}

// A token that no identity provider has signed: there is none to ask.
const seconds = Math.floor(Date.now() / 1000);
const token = [
  { alg: 'RS256', typ: 'JWT' },
  {
    iss: 'https://accounts.example',
    sub: 'https://builder.example/train.yml',
    aud: 'sigstore',
    iat: seconds - 60,
    nbf: seconds - 60,
    exp: seconds + 600,
  },
  'signed',
].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');

const start = new Date(Date.now() - 3_600_000).toISOString();
const validFor = { start };
const subject = { organization: 'sigstore.mock', commonName: 'stand-in' };
const logged = (key) => ({
  baseUrl: url,
  hashAlgorithm: 'SHA2_256',
  publicKey: { rawBytes: key.toString('base64'), keyDetails: 'PKIX_ECDSA_P256_SHA_256', validFor },
  logId: { keyId: sha256(key).toString('base64') },
});
const chain = (...certificates) => ({
  certificates: certificates.map((der) => ({ rawBytes: Buffer.from(der).toString('base64') })),
});
const roots = {
  mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
  tlogs: [logged(Buffer.from(log.publicKey))],
  certificateAuthorities: [{ subject, uri: url, certChain: chain(ca.rootCertificate), validFor }],
  ctlogs: [logged(Buffer.from(ct.publicKey))],
  timestampAuthorities: [
    { subject, uri: url, certChain: chain(tsa.intCertificate, tsa.rootCertificate), validFor },
  ],
};
const service = (base, majorApiVersion) => ({ url: base, majorApiVersion, validFor, operator: 'stand-in' });
const configuration = (authority, logBase, version) => ({
  mediaType: 'application/vnd.dev.sigstore.clienttrustconfig.v0.1+json',
  trustedRoot: roots,
  signingConfig: {
    mediaType: 'application/vnd.dev.sigstore.signingconfig.v0.2+json',
    caUrls: [service(authority, 1)],
    oidcUrls: [service(url, 1)],
    rekorTlogUrls: [service(logBase, version)],
    rekorTlogConfig: { selector: 'ANY' },
    tsaUrls: [service(`${url}/api/v1/timestamp`, 1)],
    tsaConfig: { selector: 'ANY' },
  },
});
const write = (name, value) => fs.writeFileSync(path.join(folder, name), JSON.stringify(value));
write('trusted_root.json', roots);
fs.writeFileSync(path.join(folder, 'token'), token);
write('log1.json', configuration(url, url, 1));
write('log2.json', configuration(url, url, 2));
write('authority-repeats.json', configuration(`${url}/repeats`, url, 1));
write('authority-lies.json', configuration(`${url}/lies`, url, 1));
write('authority-leads.json', configuration(`${url}/leads`, url, 1));
write('log-lies.json', configuration(url, `${url}/lies`, 1));

process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
setTimeout(() => process.exit(0), 600_000).unref();
console.log(`ready ${url}`);
