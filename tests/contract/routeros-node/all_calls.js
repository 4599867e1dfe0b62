// What a voucher shop asks, with a Node library that nobody here wrote, as it is.
const { RouterOSAPI } = require('node-routeros');

const { port, user, password } = JSON.parse(process.argv[2]);
const account = { host: '127.0.0.1', port, user, password, timeout: 5 };
const messageOf = (asked) => asked.then(() => null, (error) => error.message);

async function main() {
  const router = new RouterOSAPI(account);
  await router.connect();
  const [{ ret }] = await router.write('/ip/hotspot/user/add', [
    '=name=node-1', '=password=secret', '=profile=1h', '=limit-uptime=1:30:00',
  ]);
  const duplicate = await messageOf(router.write('/ip/hotspot/user/add', ['=name=node-1']));
  const [found] = await router.write('/ip/hotspot/user/print', ['?name=node-1']);
  await router.write('/ip/hotspot/user/set', [`=.id=${ret}`, '=comment=seen']);
  const listed = await router.write('/ip/hotspot/user/print', ['=.proplist=name,comment']);
  const together = await Promise.all(['a', 'b', 'c'].map(
    (name) => router.write('/ip/hotspot/user/add', [`=name=${name}`]),
  ));
  await router.write('/ip/hotspot/user/remove', [`=.id=${ret}`]);
  const [identity] = await router.write('/system/identity/print');
  await router.close();

  const stranger = new RouterOSAPI({ ...account, password: 'wrong' });
  stranger.on('error', () => {});
  console.log(JSON.stringify({
    id: ret,
    duplicate,
    uptime: found['limit-uptime'],
    listed,
    together: together.map(([added]) => added.ret),
    identity: identity.name,
    wrongPassword: await messageOf(stranger.connect()),
  }));
}

main().then(() => process.exit(0));
