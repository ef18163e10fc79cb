// Holds ro-crate-metadata.json against the SHACL shapes of its profiles, without the network.
//
//   node crate_check.mjs MODULES FOLDER FILE...    FOLDER: shapes/, context-1.1.json, context-workflow-run.json
//
// Prints a line "FILE: MESSAGE (NODE)" for each broken rule that a crate must keep. Also reads each file with the package
// ro-crate. Exit status 1: there is such a line.
import { createRequire } from 'node:module'
import { readFileSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const [modules, folder, ...files] = process.argv.slice(2)
const require = createRequire(join(resolve(modules), 'node_modules', 'x'))
const load = async name => import(pathToFileURL(require.resolve(name)))
const N3 = require('n3')
const jsonld = require('jsonld')
const { ROCrate } = require('ro-crate')
const { Validator } = await load('shacl-engine')
const { targetResolvers, validations } = await load('shacl-engine/sparql.js')

const BASE = 'https://example.org/crate/'
const factory = { ...N3.DataFactory, dataset: quads => new N3.Store([...(quads ?? [])]), clone: () => factory }
const SH = 'http://www.w3.org/ns/shacl#'

function list (path, ending) {
  return readdirSync(path, { recursive: true }).map(name => join(path, name)).filter(name => name.endsWith(ending)).sort()
}

// The prefixes that the shapes declare for SPARQL stand in one file, and the engine wants them in each query.
function readShapes (path) {
  const store = new N3.Store()
  const texts = list(path, '.ttl').filter(name => !name.includes('/should/')).map(name => readFileSync(name, 'utf8'))
  for (const text of texts) store.addQuads(new N3.Parser({ baseIRI: BASE }).parse(text).map(q => rename(q, texts.indexOf(text))))
  for (const q of store.getQuads(null, N3.DataFactory.namedNode(SH + 'namespace'))) {
    store.removeQuad(q)
    store.addQuad(q.subject, q.predicate, N3.DataFactory.literal(new URL(q.object.value, BASE).href))
  }
  const prefixes = store.getQuads(null, N3.DataFactory.namedNode(SH + 'prefix')).map(q => {
    const [space] = store.getObjects(q.subject, SH + 'namespace')
    return `PREFIX ${q.object.value}: <${space.value}>`
  }).join('\n')
  for (const part of ['select', 'ask']) {
    for (const q of store.getQuads(null, N3.DataFactory.namedNode(SH + part))) {
      store.removeQuad(q)
      store.addQuad(q.subject, q.predicate, N3.DataFactory.literal(`${prefixes}\n${q.object.value}`))
    }
  }
  splitValues(store)
  return store
}

// The engine takes one value of sh:hasValue in a shape: a copy of the shape gets each further one.
function splitValues (store) {
  const hasValue = N3.DataFactory.namedNode(SH + 'hasValue')
  for (const shape of new Set(store.getSubjects(hasValue, null).map(s => s.id))) {
    const subject = store.getQuads(null, hasValue).find(q => q.subject.id === shape).subject
    const parents = store.getQuads(null, N3.DataFactory.namedNode(SH + 'property'), subject)
    for (const q of store.getQuads(subject, hasValue).slice(1)) {
      const copy = N3.DataFactory.blankNode()
      store.removeQuad(q)
      for (const other of store.getQuads(subject)) if (!other.predicate.equals(hasValue)) store.addQuad(copy, other.predicate, other.object)
      store.addQuad(copy, hasValue, q.object)
      for (const parent of parents) store.addQuad(parent.subject, parent.predicate, copy)
    }
  }
}

// Blank nodes of two files may have one name.
function rename (quad, number) {
  const own = term => term.termType === 'BlankNode' ? N3.DataFactory.blankNode(`f${number}_${term.value}`) : term
  return N3.DataFactory.quad(own(quad.subject), quad.predicate, own(quad.object))
}

const contexts = {
  'https://w3id.org/ro/crate/1.1/context': join(folder, 'context-1.1.json'),
  'https://w3id.org/ro/terms/workflow-run/context': join(folder, 'context-workflow-run.json')
}
async function documentLoader (url) {
  if (!contexts[url]) throw new Error(`the crate refers to ${url}`)
  return { documentUrl: url, document: JSON.parse(readFileSync(contexts[url], 'utf8')) }
}

// Classes that the shapes' authors derive by rules, which are no part of the shapes.
function classify (data) {
  const type = N3.DataFactory.namedNode('http://www.w3.org/1999/02/22-rdf-syntax-ns#type')
  const profiles = 'https://github.com/crs4/rocrate-validator/profiles/'
  const add = (node, name) => data.addQuad(node, type, N3.DataFactory.namedNode(profiles + name))
  const root = N3.DataFactory.namedNode(BASE)
  add(root, 'ro-crate/RootDataEntity')
  add(N3.DataFactory.namedNode(BASE + 'ro-crate-metadata.json'), 'ro-crate/ROCrateMetadataFileDescriptor')
  for (const main of data.getObjects(root, 'http://schema.org/mainEntity')) add(main, 'workflow-ro-crate/MainWorkflow')
}

const shapes = readShapes(join(folder, 'shapes'))
const validator = new Validator(shapes, { factory, targetResolvers, validations })
let broken = false
for (const file of files) {
  const crate = JSON.parse(readFileSync(file, 'utf8'))
  const quads = await jsonld.toRDF(crate, { base: BASE, format: 'application/n-quads', documentLoader })
  const data = new N3.Store(new N3.Parser({ format: 'N-Quads' }).parse(quads))
  classify(data)
  const report = await validator.validate({ dataset: data })
  for (const result of report.results) {
    broken = true
    const message = result.message.map(m => m.value).join(' ') || result.constraintComponent?.value
    console.log(`${file}: ${message} (${result.focusNode?.term?.value ?? result.focusNode?.value})`)
  }
  const read = new ROCrate(crate, { array: true, link: true })
  if (!read.rootDataset?.mainEntity?.[0]?.name?.[0]) { broken = true; console.log(`${file}: ro-crate finds no main entity`) }
}
process.exit(broken ? 1 : 0)
