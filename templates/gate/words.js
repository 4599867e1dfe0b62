// The words of the page. `reasons` are those of the service, and of a gate without network.
export const words = {
  en: {
    title: "Gate", language: "Bahasa Indonesia", notPaired: "This phone is not paired.",
    pairHelp: "Ask for a pairing code: `ticketing checkin pair --event … --gate …` prints one. Open its address here, or type the code.",
    code: "Pairing code", pair: "Pair", list: "List", entry: "Entry", exit: "Exit",
    scan: "Scan, or type a ticket code", check: "Check", camera: "Camera", stopCamera: "Stop camera",
    noCamera: "There is no camera here. Use a scanner, or type the ticket code.",
    cameraNeedsNetwork: "This browser needs the network to read QR codes. Use a scanner meanwhile.",
    cameraRefused: "The camera was refused. Allow it in the settings of the browser.",
    insecure: "This page needs https: without it, a browser gives no camera and verifies no signature.",
    noVerify: "This browser is too old to verify tickets without network.",
    admitted: "Admitted", left: "Left", refused: "Refused", conflict: "Conflict", checking: "Checking …", ready: "Ready",
    usedAt: "used at {at}", atGate: ", {gate}", undo: "Undo", undone: "Undone", newTicket: "Issued after the pack was made.",
    search: "Search by name", find: "Find", nobody: "Nobody was found.", needsNetwork: "This needs the network.",
    queue: "{count} scans to be sent", sent: "All scans are sent", offline: "No network", online: "Connected",
    pack: "Pack of {at}", packOld: "The pack is old: refresh it.", noPack: "No pack: without network nobody can be checked.", refresh: "Refresh",
    entered: "{entered} of {expected} entered, {inside} inside", conflicts: "{count} conflicts",
    locked: "This gate was shut out, or its key has ended. Scans that were not sent are kept.", pairAgain: "Pair again",
    failed: "This did not work: {message}", clock: "The clock of this phone differs by {seconds} s; ours is used.",
    reasons: {
      "wrong prefix": "No ticket of ours", malformed: "The code is damaged", "unknown key": "Not issued by us", "bad signature": "Forged",
      unknown: "Unknown ticket", "issued after the backup": "Not in the restored data", "rehearsal ticket": "A ticket of a rehearsal", revoked: "Revoked",
      "wrong event": "Another event", "not yet valid": "Not valid yet", expired: "Expired", "not on this list": "Not on this list",
      "already used": "Already used", "not inside": "Not inside", "pack expired": "The pack has expired: connect this phone",
    },
  },
  id: {
    title: "Gerbang", language: "English", notPaired: "Ponsel ini belum dipasangkan.",
    pairHelp: "Minta kode pemasangan: `ticketing checkin pair --event … --gate …` mencetaknya. Buka alamatnya di sini, atau ketik kodenya.",
    code: "Kode pemasangan", pair: "Pasangkan", list: "Daftar", entry: "Masuk", exit: "Keluar",
    scan: "Pindai, atau ketik kode tiket", check: "Periksa", camera: "Kamera", stopCamera: "Matikan kamera",
    noCamera: "Tidak ada kamera di sini. Pakai pemindai, atau ketik kode tiket.",
    cameraNeedsNetwork: "Peramban ini butuh jaringan untuk membaca kode QR. Pakai pemindai sementara ini.",
    cameraRefused: "Kamera ditolak. Izinkan di pengaturan peramban.",
    insecure: "Halaman ini butuh https: tanpanya, peramban tidak memberi kamera dan tidak memeriksa tanda tangan.",
    noVerify: "Peramban ini terlalu lama untuk memeriksa tiket tanpa jaringan.",
    admitted: "Silakan masuk", left: "Sudah keluar", refused: "Ditolak", conflict: "Bentrok", checking: "Memeriksa …", ready: "Siap",
    usedAt: "dipakai pukul {at}", atGate: ", {gate}", undo: "Batalkan", undone: "Dibatalkan", newTicket: "Diterbitkan setelah paket dibuat.",
    search: "Cari nama", find: "Cari", nobody: "Tidak ditemukan.", needsNetwork: "Ini butuh jaringan.",
    queue: "{count} pindaian belum terkirim", sent: "Semua pindaian terkirim", offline: "Tanpa jaringan", online: "Tersambung",
    pack: "Paket {at}", packOld: "Paket sudah lama: perbarui.", noPack: "Belum ada paket: tanpa jaringan tidak ada yang dapat diperiksa.", refresh: "Perbarui",
    entered: "{entered} dari {expected} masuk, {inside} di dalam", conflicts: "{count} bentrokan",
    locked: "Gerbang ini ditutup, atau kuncinya berakhir. Pindaian yang belum terkirim tetap disimpan.", pairAgain: "Pasangkan lagi",
    failed: "Gagal: {message}", clock: "Jam ponsel ini berbeda {seconds} dtk; jam kami yang dipakai.",
    reasons: {
      "wrong prefix": "Bukan tiket kami", malformed: "Kode rusak", "unknown key": "Bukan terbitan kami", "bad signature": "Palsu",
      unknown: "Tiket tidak dikenal", "issued after the backup": "Tidak ada di data yang dipulihkan", "rehearsal ticket": "Tiket latihan", revoked: "Dicabut",
      "wrong event": "Acara lain", "not yet valid": "Belum berlaku", expired: "Kedaluwarsa", "not on this list": "Tidak ada di daftar ini",
      "already used": "Sudah dipakai", "not inside": "Tidak di dalam", "pack expired": "Paket kedaluwarsa: sambungkan ponsel ini",
    },
  },
};

export const chosen = () => localStorage.getItem("language") ?? (navigator.language.startsWith("id") ? "id" : "en");
export const other = () => (chosen() === "id" ? "en" : "id");
export const word = (name) => words[chosen()][name];
export const fill = (name, values) => word(name).replace(/\{(\w+)\}/g, (_, key) => String(values[key]));
