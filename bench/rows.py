"""The rows of docs/performance.md: how each figure is made, and what it is compared with.

A row is a class used with `with`: it prepares in __enter__, gives one figure per product() and peer() call, and cleans up.
"""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request

import labelled
import training_data
import updates

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build/release"
FOOTAGE = pathlib.Path("/usr/share/doc/opencv-doc/examples/data/vtest.avi")
MODEL = ROOT / "var/models/centernet.onnx"
ORT = pathlib.Path(os.environ.get("VEDETTE_ORT", ROOT / "tools/deps/node_modules/com.github.asus4.onnxruntime/Plugins/Linux/x64/libonnxruntime.so"))


class Missing(Exception):
    """The product, the peer or their input is not there: the row fails, it is not skipped."""


class Finished:
    def __init__(self, figures, cpu_s):
        self.figures, self.cpu_s = figures, cpu_s


def run_tree(*command, **options):
    """Runs to the end; CPU is that of the process and of every descendant it waited for."""
    if not shutil.which(str(command[0])):
        raise Missing(f"{command[0]} is not there")
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True, **options)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise Missing(f"{pathlib.Path(command[0]).name} ended with status {process.returncode}")
    lines = [line for line in output.splitlines() if line.startswith("{")]
    return Finished(json.loads(lines[-1]) if lines else {}, usage.ru_utime + usage.ru_stime)


class Row:
    more_is_better = False
    note = ""

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vedette-bench-"))
        try:
            self.prepare()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.finish()
        shutil.rmtree(self.folder, ignore_errors=True)

    def prepare(self):
        pass

    def finish(self):
        pass

    def ratio(self, product, peer):
        return product / peer


def footage_1080p(folder):
    if not FOOTAGE.exists():
        raise Missing(f"{FOOTAGE} is not there")
    out = folder / "yard-1080p.mp4"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-i", FOOTAGE, "-t", "24", "-vf", "scale=1920:1080,fps=25", "-c:v", "libx264", "-preset", "veryfast", "-g", "25",
         "-bf", "0", "-pix_fmt", "yuv420p", "-an", out], check=True)
    return out


def tree_of(root):
    """A process and its living descendants, each with its CPU seconds, user and system."""
    parents, cpu = {}, {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        parents[int(entry.name)] = int(fields[1])
        cpu[int(entry.name)] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    tree, grew = {root}, True
    while grew:
        grew = {pid for pid, parent in parents.items() if parent in tree} - tree
        tree |= grew
    return {pid: cpu.get(pid, 0) for pid in tree}


def cpu_of_tree(root):
    return sum(tree_of(root).values())


def pss_of_tree(root):
    """Megabytes; what processes share, pictures in shared memory for one, counts once."""
    kept = 0
    for pid in tree_of(root):
        try:
            text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
        except PermissionError:
            raise Missing("the memory of a sandboxed camera process is told to root only: run make bench as root") from None
        kept += next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    return kept / 1000


class G1(Row):
    """An idle camera: a real yard without people and with grain, over RTSP. Product: the whole agent, continuous recording and
    pre-roll, without a model, as the peer has none. Peer: motion, passthrough, with a pre-roll of as many seconds. Both are given time to settle; CPU is of the
    seconds after. Before that a film is played in which a part of the same yard comes alive now and then, with people who walk
    through it: every picture with them must be handed out, or there is no figure."""
    name, what, beside = "G1", "CPU of an idle 1080p25 camera, recording and pre-roll on", "motion 4.5.1, passthrough"
    unit, hold = "CPU s a minute", 0.2
    settle_s, measure_s = 6, 20
    idle_s = 55  # each watcher sees it from its beginning: where a film begins anew an encoder spends more, and no idle camera does
    grain = "noise=alls=3:allf=t"
    passes = [(18.4, 180, 30), (26.2, 230, 4), (34.0, 260, 10), (41.3, 300, 6), (48.6, 312, 4)]  # when; from which picture, how many

    def film(self, name, seconds, passes):
        """Pictures 175 to 327 of the footage have somebody in this part of the yard; the median of many has nobody anywhere."""
        out, empty = self.folder / name, self.folder / "empty.png"
        if not empty.exists():
            subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", f"movie={FOOTAGE},trim=end_frame=260,tmedian=radius=100", "-frames:v", "1",
                            empty], check=True)
        graph = [f"movie={empty},scale=1920:1080,loop=-1:1,trim=end_frame={seconds * 25},setpts=N/(25*TB)[v0]"]
        for i, (at, first, count) in enumerate(passes):
            graph.append(f"movie={FOOTAGE},trim=start_frame={first}:end_frame={first + count},crop=256:192:0:96,scale=640:360,setpts=(N/10+{at})/TB[p{i}]")
            graph.append(f"[v{i}][p{i}]overlay=0:180:eof_action=pass[v{i + 1}]")
        graph.append(f"[v{len(passes)}]{self.grain}")
        subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", ";".join(graph), "-r", "25", "-c:v", "libx264", "-preset", "veryfast",
                        "-g", "25", "-bf", "0", "-pix_fmt", "yuv420p", out], check=True)
        return out

    def prepare(self):
        for needed in (BUILD / "agent/vedette-agent", BUILD / "bench/g1_found", BUILD / "tools/camera-sim/camera-sim", FOOTAGE):
            if not needed.exists():
                raise Missing(f"{needed} is not there")
        if not shutil.which("motion"):
            raise Missing("motion is not there")
        self.found(self.film("passers-by.mp4", 52, self.passes))
        idle = self.film("idle.mp4", self.idle_s, [])
        self.sim = subprocess.Popen([BUILD / "tools/camera-sim/camera-sim", "--port", "0", "--cache", self.folder / "cache", "--end-with-stdin", "--camera",
                                     f"idle={idle}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for line in self.sim.stdout:
            if line.startswith("camera-sim: ready "):
                self.url = line.split()[2]
                break

    def found(self, film):
        """No event missed, and found in time: otherwise there is no figure."""
        spans = [f"{round(at * 25)}-{round((at + count / 10) * 25) - 1}" for at, _, count in self.passes]
        environment = {**os.environ, "VEDETTE_CAMERA_CHILD": str(BUILD / "agent/camera/vedette-camera")}
        figures = run_tree(BUILD / "bench/g1_found", film, 25, *spans, env=environment).figures
        self.note = f"{figures['events']} passers-by found, after {figures['median_ms']:.0f} ms in the middle and {figures['most_ms']:.0f} ms at most; " \
            f"{figures['decoded']} of {figures['packets']} pictures decoded"
        print(f"bench: {self.note}", flush=True)
        if figures["missed_pictures"]:
            raise Missing(f"{figures['missed_pictures']} pictures with somebody in them were missed")

    def finish(self):
        if getattr(self, "sim", None):
            self.sim.stdin.close()
            self.sim.wait()

    def measured(self, process, ready):
        try:
            ready()
            time.sleep(self.settle_s)
            begun, before = time.monotonic(), cpu_of_tree(process.pid)
            time.sleep(self.measure_s)
            used = cpu_of_tree(process.pid) - before
            if process.poll() is not None:
                raise Missing(f"{process.args[0]} ended by itself")
            return used / (time.monotonic() - begun) * 60
        finally:
            process.terminate()
            process.wait()

    def product(self):
        state, config = tempfile.mkdtemp(dir=self.folder), self.folder / "agent.yaml"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        config.write_text(f"state_dir: {state}\ncameras: [{{id: idle, url: '{self.url}'}}]\nrecording: {{enabled: true}}\n"
                          f"model: {{path: {state}/none.onnx}}\nlocal: {{port: {port}}}\n")
        agent = subprocess.Popen([BUILD / "agent/vedette-agent", "--config", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)
        return self.measured(agent, lambda: self.asleep(port))

    def asleep(self, port):
        for _ in range(120):
            time.sleep(0.5)
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                    if 'vedette_agent_camera_asleep{camera="idle"} 1' in answer.read().decode():
                        return
            except OSError:
                continue
        raise Missing("the camera did not fall asleep within a minute")

    def peer(self):
        config = self.folder / "motion.conf"
        config.write_text(f"daemon off\nsetup_mode off\nlog_level 3\ntarget_dir {self.folder}\nnetcam_url {self.url}\nwidth 1920\nheight 1080\n"
                          "framerate 25\nmovie_output on\nmovie_passthrough on\npicture_output off\npre_capture 125\npost_capture 125\n"
                          "webcontrol_port 0\nstream_port 0\n")
        motion = subprocess.Popen(["motion", "-c", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return self.measured(motion, lambda: time.sleep(6))


class G2(Row):
    name, what, beside = "G2", "CPU of an active 1080p camera: decode, hand over, track 20 objects", "bare libavcodec loop"
    unit, hold = "CPU s per 600 pictures", 1.15

    def prepare(self):
        self.file = footage_1080p(self.folder)
        self.pictures = None

    def checked(self, run):
        seen = run.figures["pictures"]
        if self.pictures not in (None, seen):
            raise Missing(f"product and peer decoded {seen} and {self.pictures} pictures")
        self.pictures = seen
        return run.cpu_s / seen * 600

    def product(self):
        environment = {**os.environ, "VEDETTE_CAMERA_CHILD": str(BUILD / "agent/camera/vedette-camera")}
        return self.checked(run_tree(BUILD / "bench/g2_active_camera", self.file, env=environment))

    def peer(self):
        return self.checked(run_tree(BUILD / "bench/peer_decode", self.file))


class Cameras(Row):
    """Simulated cameras that play one film, and an agent that records them with 10 s of pre-roll, without a model."""
    settle_s = 30
    simulated = 8  # with more, several clients watch one

    def need(self, *programs):
        for needed in (BUILD / "agent/vedette-agent", BUILD / "tools/camera-sim/camera-sim", FOOTAGE):
            if not needed.exists():
                raise Missing(f"{needed} is not there")
        for program in programs:
            if not shutil.which(program):
                raise Missing(f"{program} is not there")

    def film(self, size, bit_rate, seconds, moves=True):
        """The yard with grain; one that does not move is its first picture again and again."""
        out = self.folder / f"{size}-{'moving' if moves else 'still'}.mp4"
        still = [] if moves else ["-frames:v", "1"]
        source = self.folder / "source.mkv"
        subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", FOOTAGE, "-t", str(seconds), *still, "-c:v", "ffv1", source], check=True)
        again = "" if moves else f",loop=-1:1,trim=end_frame={seconds * 25},setpts=N/(25*TB)"
        subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-i", source, "-vf", f"scale={size.replace('x', ':')},fps=25{again},noise=alls=3:allf=t",
                        "-c:v", "libx264", "-preset", "ultrafast", "-b:v", bit_rate, "-maxrate", bit_rate, "-bufsize", bit_rate, "-g", "50", "-bf", "0",
                        "-pix_fmt", "yuv420p", "-an", out], check=True)
        return out

    def play(self, film, count):
        cameras = [part for i in range(min(count, self.simulated)) for part in ("--camera", f"yard-{i}={film}")]
        self.sim = subprocess.Popen([BUILD / "tools/camera-sim/camera-sim", "--port", "0", "--cache", self.folder / "cache", "--loop", "--end-with-stdin", *cameras],
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for line in self.sim.stdout:
            if line.startswith("camera-sim: ready "):
                self.url = line.split()[2].rsplit("/", 1)[0]
                return
        raise Missing("the simulated cameras did not start")

    def finish(self):
        if getattr(self, "sim", None):
            self.sim.stdin.close()
            self.sim.wait()
            self.sim = None

    def settled(self, look, *command):
        """What `look` says of the process once it has settled."""
        process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)
        try:
            time.sleep(self.settle_s)
            if process.poll() is not None:
                raise Missing(f"{pathlib.Path(command[0]).name} ended by itself")
            return look(process.pid)
        finally:
            process.terminate()
            process.wait()

    def agent(self, look, count):
        state, config = tempfile.mkdtemp(dir=self.folder), self.folder / "agent.yaml"
        cameras = ", ".join(f"{{id: yard-{i}, url: '{self.url}/yard-{i % self.simulated}'}}" for i in range(count))
        config.write_text(f"state_dir: {state}\ncameras: [{cameras}]\nevidence: {{pre_roll: 10s}}\nrecording: {{enabled: true}}\n"
                          f"model: {{path: {state}/none.onnx}}\nlocal: {{port: 0}}\n")
        try:
            return self.settled(look, BUILD / "agent/vedette-agent", "--config", config)
        finally:
            shutil.rmtree(state)


class G3(Cameras):
    """Memory of one more camera: PSS of the whole process tree with three cameras less that with one, halved, when all pre-rolls
    are full. The film moves all the time, so that both decode every picture; both record."""
    name, what, beside = "G3", "memory of an added 1080p25 camera with 10 s of pre-roll", "motion 4.5.1, passthrough, 10 s of pre-roll"
    unit, hold = "MB", 0.1
    few, many = 1, 3

    def prepare(self):
        self.need("motion", "ffmpeg")
        self.play(self.film("1920x1080", "4M", 30), self.many)

    def added(self, with_cameras):
        few, many = with_cameras(pss_of_tree, self.few), with_cameras(pss_of_tree, self.many)
        return few, (many - few) / (self.many - self.few)

    def motion(self, look, count):
        shutil.rmtree(self.folder / "movies", ignore_errors=True)
        main = [f"daemon off\nsetup_mode off\nlog_level 3\ntarget_dir {self.folder}/movies\nwebcontrol_port 0\nstream_port 0"]
        for i in range(count):
            camera = self.folder / f"camera-{i}.conf"
            camera.write_text(f"camera_id {i + 1}\nnetcam_url {self.url}/yard-{i}\nwidth 1920\nheight 1080\nframerate 25\nmovie_output on\n"
                              "movie_passthrough on\npicture_output off\npre_capture 250\npost_capture 125\n")
            main.append(f"camera {camera}")
        config = self.folder / "motion.conf"
        config.write_text("\n".join(main) + "\n")
        return self.settled(look, "motion", "-c", config)

    def product(self):
        one, added = self.added(self.agent)
        self.note = f"the agent with one camera: {one:.0f} MB"
        return added

    def peer(self):
        return self.added(self.motion)[1]


class G4(Row):
    """Recording without transcoding. Product: the sandboxed camera child, its packets into the ring of files with checksum and sync.
    Peer: ffmpeg, which syncs nothing. Both read the same file; the packets that both have stored are hashed by ffmpeg and must be
    those of the file, or there is no figure."""
    name, what, beside = "G4", "CPU of recording a GB without transcoding", "ffmpeg -c copy -f segment"
    unit, hold = "CPU s per GB", 1.3
    loops, cameras, size, mbits = 12, 1, "1920:1080", 8

    def prepare(self):
        if not FOOTAGE.exists() or not shutil.which("ffmpeg"):
            raise Missing(f"{FOOTAGE} or ffmpeg is not there")
        once, self.file = self.folder / "once.mp4", self.folder / "film.mp4"
        subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-i", FOOTAGE, "-t", "24", "-vf", f"scale={self.size},fps=25,noise=alls=6:allf=t", "-c:v", "libx264",
                        "-preset", "ultrafast", "-b:v", f"{self.mbits}M", "-maxrate", f"{self.mbits}M", "-bufsize", f"{self.mbits}M", "-g", "25", "-pix_fmt", "yuv420p", "-an", once], check=True)
        subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-stream_loop", str(self.loops - 1), "-i", once, "-c", "copy", self.file], check=True)
        self.packets = self.hashes(self.file)
        self.checked = set()

    def hashes(self, *files):
        """Of each packet, in order, as ffmpeg sees them."""
        found = []
        for file in files:
            out = subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-i", file, "-map", "0:v", "-c", "copy", "-f", "framemd5", "-"], check=True,
                                 capture_output=True, text=True).stdout
            found += [line.rsplit(",", 1)[1].strip() for line in out.splitlines() if not line.startswith("#")]
        return found

    def same(self, who, *files):
        if who in self.checked:  # once is enough: each turn writes the same
            return
        if self.hashes(*files) != self.packets:
            raise Missing(f"what the {who} has recorded is not what came in")
        self.checked.add(who)

    def product(self):
        ring, cut = self.folder / "ring", self.folder / "cut.mp4"
        environment = {**os.environ, "VEDETTE_CAMERA_CHILD": str(BUILD / "agent/camera/vedette-camera")}
        run = run_tree(BUILD / "bench/g4_record", self.file, ring, self.cameras, env=environment)
        if run.figures["lost"] or run.figures["packets"] != len(self.packets) * self.cameras:
            raise Missing("the product has lost packets")
        self.bytes = run.figures["bytes"]
        if "product" not in self.checked:
            run_tree(BUILD / "bench/g4_record", "--cut", ring, cut)
            self.same("product", cut)
            cut.unlink()
        shutil.rmtree(ring)
        return run.cpu_s / (self.bytes / 1e9)

    def peer(self):
        out = self.folder / "segments"
        out.mkdir()
        run = run_tree("ffmpeg", "-nostdin", "-v", "error", "-i", self.file, "-map", "0:v", "-c", "copy", "-f", "segment", "-segment_time", "60",
                       out / "%04d.mp4")
        self.same("peer", *sorted(out.iterdir()))
        shutil.rmtree(out)
        return run.cpu_s / (self.bytes / 1e9)


class G5(Row):
    cameras = 1
    beside, unit, more_is_better = "bare ONNX Runtime Run() loop, same model and threads", "pictures/s", True
    runs, threads = 64, 2

    def prepare(self):
        if not MODEL.exists():
            raise Missing(f"{MODEL} is not there: make setup")

    def product(self):
        run = run_tree(BUILD / "bench/g5_inference", MODEL, self.cameras, self.threads, self.runs)
        fairness = run.figures["least"] / max(run.figures["most"], 1)
        self.note = f"the camera with the fewest pictures got {fairness:.2f} of the one with the most"
        return run.figures["per_second"]

    def peer(self):
        return run_tree(BUILD / "bench/peer_ort", ORT, MODEL, self.threads, self.runs).figures["per_second"]


class G5x1(G5):
    name, what, hold, cameras = "G5/1", "pictures a second through the agent's inference, 1 camera", 0.95, 1


class G5x4(G5):
    name, what, hold, cameras = "G5/4", "the same, 4 cameras", 0.97, 4


class G5x16(G5):
    name, what, hold, cameras = "G5/16", "the same, 16 cameras", 1.0, 16
    runs = 160


class G6(Row):
    """Pictures scored a second, from YUV to boxes, with our int8 model. What is lost is measured first, on labelled pictures that the
    calibration has not seen: more than a point of mAP below the float model, and there is no figure. OpenCV's engine cannot run the end of this graph;
    it is measured up to the last convolutions, on a tensor that is there already, which flatters it."""
    unit, more_is_better, runs, threads, loss = "pictures/s", True, 40, 2, 1.0
    ready = None  # what both lines share: a folder with the int8 model, and what was said of it
    kit = pathlib.Path(os.environ.get("VEDETTE_KIT", ROOT.parent / "shared/kit"))

    def prepare(self):
        for needed in (MODEL, self.kit / "data/coco_permissive", self.kit / "truth/vtest_1-400.mot.txt", FOOTAGE, BUILD / "cli/vedette", BUILD / "bench/g5_inference"):
            if not needed.exists():
                raise Missing(f"{needed} is not there")
        if subprocess.run(["/usr/bin/python3", "-c", "import cv2"], capture_output=True).returncode != 0:
            raise Missing("python3-opencv is not there")
        if not G6.ready:
            ready = tempfile.TemporaryDirectory(prefix="vedette-bench-")
            self.make_int8(pathlib.Path(ready.name))
            G6.ready = ready
        self.int8 = pathlib.Path(G6.ready.name) / "int8.onnx"
        self.note = (self.int8.with_suffix(".said")).read_text()
        if "too much" in self.note:
            raise Missing(self.note)

    def make_int8(self, folder):
        self.data, self.int8 = folder / "labelled", folder / "int8.onnx"
        names = [line.split('"')[1] for line in MODEL.with_suffix(".model.yaml").read_text().splitlines() if line.startswith("  - ")]
        labelled.make(FOOTAGE, self.kit, names, self.data)
        (self.data / "names.json").write_text(json.dumps(names))
        run_tree(BUILD / "cli/vedette", "model", "quantize", MODEL, "--pictures", self.data / "calibration", "--budget", "100", "--out", folder, "--name", "int8")
        said = self.compare()
        self.int8.with_suffix(".said").write_text(said)
        print(f"bench: {said}", flush=True)

    def mean_precision(self, split, *given):
        report = self.folder / "report.json"
        run_tree(BUILD / "cli/vedette", "model", "evaluate", "--dataset", self.data / f"{split}.json", "--out", report, *given)
        return json.loads(report.read_text())["map"] * 100

    def compare(self):
        """OpenCV must find what the float model finds, and int8 hardly less."""
        said, wrong = [], ""
        for split in ("coco", "yard"):
            found = self.folder / "found.jsonl"
            run_tree("/usr/bin/python3", ROOT / "bench/peer_dnn.py", "look", MODEL, self.data / f"{split}.json", self.data / "pictures",
                     self.data / "names.json", found)
            full, int8 = (self.mean_precision(split, "--model", model, "--pictures", self.data / "pictures") for model in (MODEL, self.int8))
            peer = self.mean_precision(split, "--from", found)
            said.append(f"mAP {split}: {full:.1f} float, {int8:.1f} int8, {peer:.1f} OpenCV")
            if abs(peer - full) > 3 * self.loss:
                wrong = "OpenCV differs too much: "
            if full - int8 > self.loss:
                wrong = "int8 loses too much: "
        return wrong + "; ".join(said)

    def scored(self, model):
        return run_tree(BUILD / "bench/g5_inference", model, 1, self.threads, self.runs).figures["per_second"]

    def product(self):
        return self.scored(self.int8)


class G6OpenCV(G6):
    name, what, beside, hold = "G6/opencv", "pictures scored a second at equal mAP, int8", "OpenCV 4.6 DNN, fp32, same model and threads", 4

    def peer(self):
        return run_tree("/usr/bin/python3", ROOT / "bench/peer_dnn.py", "time", MODEL, self.threads, self.runs // 2).figures["per_second"]


class G6Float(G6):
    name, what, beside, hold = "G6/float", "pictures scored a second at equal mAP, int8", "the product with the float model", 1.8

    def peer(self):
        return self.scored(MODEL)


class G7(Row):
    """One thread each, the same 1080p picture into the same 512x512 tensor; milliseconds of a picture."""
    name, what, unit = "G7", "1080p YUV to a normalised model tensor", "ms"
    beside, hold, pictures = "swscale (fast bilinear) and a loop", 0.5, 300

    def product(self):
        return run_tree(BUILD / "bench/g7_tensor", self.pictures).figures["ms"]

    def peer(self):
        return run_tree(BUILD / "bench/peer_swscale", self.pictures).figures["ms"]


class G7OpenCV(G7):
    name, beside, hold = "G7/opencv", "OpenCV cvtColor + blobFromImage", 1 / 3

    def peer(self):
        return run_tree("/usr/bin/python3", ROOT / "bench/peer_opencv.py", self.pictures).figures["ms"]


class G8(Row):
    """The crowd of bench/crowd.py through tracker and eight zones. Both must follow equally well, or there is no figure: at most so
    many changed names, at least so many people with a name, and as many visits, give or take a few at their very edge."""
    python, unit = "/usr/bin/python3", "µs a picture"
    films = {20: 3000, 200: 1500}  # long enough that first touches of memory do not count

    def prepare(self):
        if subprocess.run([self.python, "-c", "import scipy"], capture_output=True).returncode != 0:
            raise Missing("python3-scipy is not there")
        self.runs = {}
        for objects, pictures in self.films.items():
            run_tree(self.python, ROOT / "bench/crowd.py", objects, pictures, self.film(objects))

    def film(self, objects):
        return self.folder / f"crowd-{objects}"

    def ours(self, objects):
        run = run_tree(BUILD / "bench/g8_tracker", self.film(objects)).figures
        if "ours" not in self.runs:
            self.runs["ours"] = run
        return run["us"]

    def theirs(self, objects):
        run = run_tree(self.python, ROOT / "bench/peer_tracker.py", self.film(objects), env={**os.environ, "OPENBLAS_NUM_THREADS": "1"}).figures
        ours = self.runs["ours"]
        self.note = f"ours: {ours['followed']} of {ours['seen']} followed, {ours['switches']} changed names, {ours['visits']} visits; " \
            f"theirs: {run['followed']}, {run['switches']}, {run['visits']}"
        worse = ours["switches"] > run["switches"] * 1.02 or ours["followed"] < run["followed"] * 0.998 or abs(ours["visits"] - run["visits"]) > run["visits"] * 0.05
        if ours["seen"] != run["seen"] or worse:
            raise Missing("the product follows less well: " + self.note)
        return run["us"]


class G8Peer(G8):
    beside, hold, more_is_better = "the same steps with numpy and scipy's linear_sum_assignment", 30, True

    def product(self):
        return self.ours(self.objects)

    def peer(self):
        return self.theirs(self.objects)

    def ratio(self, product, peer):
        return peer / product


class G8Few(G8Peer):
    name, what, objects = "G8/20", "CPU of tracker and 8 polygon zones, 20 people", 20


class G8Many(G8Peer):
    name, what, objects = "G8/200", "the same, 200 people", 200


class G8Time(G8):
    name, what, beside, hold = "G8/time", "the same, 20 people", "what is promised: 50 µs", 1

    def product(self):
        return self.ours(20)

    def peer(self):
        return 50


class G8Growth(G8):
    name, what, beside, hold = "G8/growth", "CPU of tracker and zones, 200 people", "the product with 20 people", 12

    def product(self):
        return self.ours(200)

    def peer(self):
        return self.ours(20)


def p95(values):
    return sorted(values)[(len(values) * 95 - 1) // 100]


class G9(Row):
    """Product: bench/g9_chain.mjs starts the whole house with one RTSP camera and listens to the hub's stream. Peer: the three
    bare loops, one after the other, each with its own 95th percentile, added up."""
    name, what, beside = "G9", "trigger picture on the socket to a subscriber of the hub told, 95th percentile", "bare decode + bare ONNX Runtime + mosquitto_pub/sub"
    unit, hold = "ms", 2.0
    messages = 200

    def prepare(self):
        if not all(shutil.which(name) for name in ("mosquitto", "mosquitto_pub", "mosquitto_sub", "stdbuf")):
            raise Missing("mosquitto is not there")
        self.file = self.folder / "yard.mp4"
        subprocess.run(["ffmpeg", "-v", "error", "-i", FOOTAGE, "-c:v", "libx264", "-preset", "veryfast", "-g", "10", "-bf", "0", "-pix_fmt", "yuv420p", "-an", self.file], check=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.broker = subprocess.Popen(["mosquitto", "-p", str(self.port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def finish(self):
        if getattr(self, "broker", None):
            self.broker.terminate()
            self.broker.wait()

    def product(self):
        run = run_tree("node", ROOT / "bench/g9_chain.mjs")
        self.note = f"{run.figures['events']} events; median {run.figures['median_ms']:.0f} ms"
        return run.figures["p95_ms"]

    def message_ms(self):
        listener = subprocess.Popen(["stdbuf", "-oL", "mosquitto_sub", "-p", str(self.port), "-q", "1", "-t", "bench", "-d"], stdout=subprocess.PIPE, text=True)
        for line in listener.stdout:
            if "SUBACK" in line or "Subscribed" in line:
                break
        talker = subprocess.Popen(["mosquitto_pub", "-p", str(self.port), "-q", "1", "-t", "bench", "-l"], stdin=subprocess.PIPE, text=True)
        took = []
        for number in range(self.messages):
            start = time.monotonic()
            talker.stdin.write(f"event {number}\n")
            talker.stdin.flush()
            for line in listener.stdout:
                if line.strip() == f"event {number}":
                    break
            took.append((time.monotonic() - start) * 1e3)
        talker.stdin.close()
        talker.wait()
        listener.terminate()
        listener.wait()
        return p95(took)

    def peer(self):
        decode = run_tree(BUILD / "bench/peer_decode", self.file).figures["p95_ms"]
        infer = run_tree(BUILD / "bench/peer_ort", ORT, MODEL, 2, 100).figures["p95_ms"]
        return decode + infer + self.message_ms()


class G10(Row):
    beside, unit, more_is_better = "SQLite, WAL, FULL, one row a commit", "events/s", True

    def database_folder(self):
        return tempfile.mkdtemp(dir=self.folder)

    def product(self):
        return run_tree(BUILD / "bench/g10_outbox", self.database_folder(), self.writers, self.events).figures["per_second"]

    def peer(self):
        return run_tree(BUILD / "bench/peer_sqlite", self.database_folder() + "/peer.db", self.peer_events).figures["per_second"]


class G10Many(G10):
    name, what, hold, writers, events, peer_events = "G10/many", "durable events a second, 128 writers", 20, 128, 38400, 4000


class G10One(G10):
    name, what, hold, writers, events, peer_events = "G10/one", "durable events a second, one writer (its commit latency)", 1.0, 1, 4000, 4000


class Patch(Row):
    """A quantised model before and after a training; see updates.py."""

    def prepare(self):
        for tool in ("bsdiff", "xdelta3", "zstd"):
            if not shutil.which(tool):
                raise Missing(f"{tool} is not there")
        if not MODEL.exists():
            raise Missing(f"{MODEL} is not there: make setup")
        self.before, self.after = updates.make(BUILD / "cli/vedette", MODEL, FOOTAGE, self.folder, self.key)

    def ours(self):
        return run_tree(BUILD / "bench/g13_patch", self.before, self.after).figures


class G13(Patch):
    beside, unit = "best of bsdiff, xdelta3 -9, zstd -19 --patch-from", "bytes"

    def product(self):
        return self.ours()["bytes"]

    def peer(self):
        out = self.folder / "peer.patch"
        sizes = []
        for command in (["bsdiff", self.before, self.after, out], ["xdelta3", "-9", "-f", "-e", "-s", self.before, self.after, out],
                        ["zstd", "-q", "-f", "-19", f"--patch-from={self.before}", self.after, "-o", out]):
            run_tree(*command, stderr=subprocess.DEVNULL)
            sizes.append(out.stat().st_size)
        return min(sizes)


class G13Head(G13):
    name, what, hold, key = "G13/head", "bytes of a model update, only the head was trained, int8", 0.5, "CenternetHead/centernet"


class G13Full(G13):
    name, what, hold, key = "G13/full", "bytes of a model update, all layers were trained, int8", 0.45, ""


class G14(Patch):
    name, what, beside, unit, hold, key = "G14", "CPU to make that patch, all layers", "bsdiff", "CPU s", 0.05, ""

    def product(self):
        return self.ours()["make_s"]

    def peer(self):
        return run_tree("bsdiff", self.before, self.after, self.folder / "peer.patch").cpu_s


class G15(Row):
    """Both train from the same model on the same 1,000 pictures; the peer stops when it is as good as the product became."""
    name, what, beside = "G15", "training time to equal validation accuracy, 1,000 pictures, at most 30 epochs", "python3-torch, all layers fine-tuned, same start, data, threads"
    unit, hold, more_is_better, threads = "s", 10, True, 2
    kit = pathlib.Path(os.environ.get("VEDETTE_KIT", ROOT.parent / "shared/kit"))

    def prepare(self):
        model, truth = self.kit / "models/vww/vww_96_float.onnx", self.kit / "truth/vtest_1-400.mot.txt"
        for needed in (model, truth, FOOTAGE, pathlib.Path("/usr/bin/python3")):
            if not needed.exists():
                raise Missing(f"{needed} is not there")
        if subprocess.run(["/usr/bin/python3", "-c", "import torch"], capture_output=True).returncode != 0:
            raise Missing("python3-torch is not there")
        self.data = ROOT / "build/bench/training"
        if not (self.data / "val.labels").exists():  # minutes of cutting: kept
            shutil.rmtree(self.data, ignore_errors=True)
            self.data.mkdir(parents=True)
            training_data.make(FOOTAGE, truth, model, self.data)
        self.settings = self.folder / "train.yaml"
        self.settings.write_text(f"train: {{epochs: 30, batch: 32, freeze: 1, learning_rate: 0.003, patience: 0, augment: false, threads: {self.threads}}}\n")
        self.turn = 0

    def product(self):
        self.turn += 1
        out = self.folder / f"run-{self.turn}"
        begun = time.monotonic()
        run_tree(BUILD / "lab/training/worker/vedette-trainer", "--local", "--dataset", self.data / "manifest.json", "--pictures", self.data / "pictures",
                 "--model", self.data / "vww.onnx", "--config", self.settings, "--out", out, stderr=subprocess.DEVNULL)
        took = time.monotonic() - begun
        report = json.loads((out / "training.json").read_text())
        self.accuracy = report["measure_best"]
        return took

    def peer(self):
        figures = run_tree("/usr/bin/python3", ROOT / "bench/peer_train.py", self.data, self.accuracy, self.threads).figures
        self.note = f"accuracy {self.accuracy:.3f}; the peer had {figures['accuracy']:.3f} after {figures['epochs']} epochs"
        return figures["seconds"]

    def ratio(self, product, peer):
        return peer / product


class Agent(Row):
    """An agent without model and cameras, held against what is promised of it rather than against a peer."""
    def prepare(self):
        if not (BUILD / "agent/vedette-agent").exists():
            raise Missing("vedette-agent is not built")
        self.config = self.folder / "agent.yaml"
        self.config.write_text(f"state_dir: {self.folder}/state\nmodel: {{path: {self.folder}/none.onnx}}\nlocal: {{port: 0}}\nlog: {{format: json}}\n")

    def start(self):
        """Starts one, waits until it is ready; gives it and the seconds that took."""
        begun = time.monotonic()
        agent = subprocess.Popen([BUILD / "agent/vedette-agent", "--config", self.config], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in agent.stdout:
            if '"agent.ready"' in line:
                return agent, time.monotonic() - begun
        raise Missing("vedette-agent did not start")

    def stop(self, agent):
        agent.terminate()
        agent.communicate()


class AgentMemory(Agent):
    name, what, beside, unit, hold = "AGT2/memory", "PSS of an agent without model and cameras", "what is promised: 15 MB", "MB", 1

    def product(self):
        agent, _ = self.start()
        time.sleep(1)
        kept = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{agent.pid}/smaps_rollup").read_text().splitlines()[1:])
        self.stop(agent)
        self.note = f"RSS, as if nothing else ran on the machine: {int(kept['Rss'].split()[0]) / 1000:.1f} MB"
        return int(kept["Pss"].split()[0]) / 1000

    def peer(self):
        return 15


class AgentStart(Agent):
    name, what, beside, unit, hold = "AGT2/start", "start of an agent without model and cameras, until it is ready", "what is promised: 200 ms", "ms", 1

    def product(self):
        agent, took = self.start()
        self.stop(agent)
        return took * 1000

    def peer(self):
        return 200


ROWS = [G1, G2, G3, G4, G5x1, G5x4, G5x16, G6OpenCV, G6Float, G7, G7OpenCV, G8Few, G8Many, G8Time, G8Growth, G9, G10Many, G10One, G13Head, G13Full, G14, G15, AgentMemory, AgentStart]
