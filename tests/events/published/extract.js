// npm pack @elastic/ecs@9.4.0 && tar xzf elastic-ecs-9.4.0.tgz && node extract.js ./package > ecs-9.4.0.json
const { EcsFlat } = require(require("path").resolve(process.argv[2]));
const sets = /^(@timestamp|message|labels|tags|(ecs|error|event|file|host|http|network|observer|process|related|service|source|destination|url|user|user_agent)\.)/;
const within = /\.(entity|geo|as|nat|parent|target|effective|changes|risk|pe|elf|macho|code_signature|x509|origin|entry_leader|session_leader|group_leader|previous|responsible|attested_user|attested_groups|real_group|real_user|saved_group|saved_user|supplemental_groups|entry_meta|tty|io|thread|env_vars|egress|ingress|cpu|disk|boot|inner|vlan|os)(\.|$)/;
const rows = Object.keys(EcsFlat).sort().filter((name) => sets.test(name) && !within.test(name)).map((name) => {
  const { type, normalize, allowed_values, pattern } = EcsFlat[name];
  const allowed = Object.fromEntries((allowed_values || []).map((one) => [one.name, one.expected_event_types || []]));
  const row = { type, ...(normalize.includes("array") && { array: true }), ...(allowed_values && { allowed }), ...(pattern && { pattern }) };
  return `  ${JSON.stringify(name)}: ${JSON.stringify(row)}`;
});
console.log(`{\n${rows.join(",\n")}\n}`);
