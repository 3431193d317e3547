"use strict";
(() => {
	const root = document.documentElement;
	const data = JSON.parse(document.getElementById("data").textContent);
	const tall = 210, printed = 300; // height of a chart in pixels; charts that are drawn for printing at most
	root.classList.add("js");

	// Numbers as the rest of the page has them.
	const scales = [
		[["", 1]],
		[["ns", 1e9], ["µs", 1e6], ["ms", 1e3], ["s", 1]],
		[["B", 1], ["KiB", 1 / 1024], ["MiB", 1 / 1048576], ["GiB", 1 / 1073741824], ["TiB", 1 / 1099511627776]],
	];
	const fitting = (x, of) => {
		for (let i = of.length - 1; i > 0; i--) if (Math.abs(x) * of[i][1] >= 1) return of[i];
		return of[0];
	};
	const digits = (x, n) => {
		const a = Math.abs(x);
		if (a >= 1e15 || (a > 0 && a < 1e-6)) return x.toExponential(n - 1);
		if (x === Math.trunc(x)) return x.toLocaleString("en-US");
		const d = Math.max(0, n - Math.floor(Math.log10(a)) - 1);
		return x.toLocaleString("en-US", { minimumFractionDigits: d, maximumFractionDigits: d });
	};
	const written = (s) => (x, n, like) => {
		const [name, by] = fitting(like === undefined ? x : like, scales[s.k]);
		const unit = name + (s.p || "");
		return digits(x * by, n || 3) + (unit && unit !== "/s" ? "\u00a0" + unit : "");
	};

	// values returns value, low and high of each release.
	const values = (s) => {
		if (s.full) return s.full;
		const by = Math.pow(10, Math.abs(s.x)), at = (i) => (s.x < 0 ? i / by : i * by);
		const v = [], l = [], h = [];
		if (s.q) for (let i = 0; i < s.v.length; i += 2) for (let k = 0; k < s.v[i + 1]; k++) v.push(s.v[i] === null ? null : at(s.v[i]));
		else for (const i of s.v) v.push(i === null ? null : at(i));
		v.forEach((x, i) => {
			l.push(x === null || s.q ? x : x * (1 - s.l[i] / 1e4));
			h.push(x === null || s.q ? x : x * (1 + s.h[i] / 1e4));
		});
		return (s.full = { v, l, h });
	};
	const colour = (name) => getComputedStyle(root).getPropertyValue("--" + name).trim();
	const faded = (c) => c + "33";
	const axes = (x, y) => {
		const both = { stroke: colour("soft"), font: "11px system-ui, sans-serif", grid: { stroke: colour("grid"), width: 1 }, ticks: { stroke: colour("grid"), width: 1, size: 4 }, gap: 4 };
		return [Object.assign({}, both, x), Object.assign({}, both, y)];
	};
	const element = (tag, text, to) => {
		const e = document.createElement(tag);
		if (text) e.textContent = text;
		if (to) to.append(e);
		return e;
	};

	// allowed returns what relative limits allow of each release, by the release before that can be compared.
	const allowed = (s, v, m) => {
		const last = {};
		return v.map((x, i) => {
			if (x === null) return null;
			const e = s.j ? 0 : data.r[i].e, before = last[e];
			last[e] = x;
			return before === undefined ? null : before * (m.k === "max_rise" ? 1 + m.v : 1 - m.v);
		});
	};

	const history = (box, s) => {
		const { v, l, h } = values(s), n = data.r.length, write = written(s);
		const xs = v.map((_, i) => i), series = [{}], bands = [], rows = [xs];
		const used = s.j ? [0] : data.e.map((_, e) => e).filter((e) => v.some((x, i) => x !== null && data.r[i].e === e));
		for (const e of used) {
			const only = (of) => of.map((x, i) => (s.j || data.r[i].e === e ? x : null));
			const stroke = colour("e" + (e % 4)), k = series.length;
			const join = { spanGaps: true };
			if (!s.q) {
				series.push(Object.assign({ points: { show: false }, width: 0 }, join), Object.assign({ points: { show: false }, width: 0 }, join));
				bands.push({ series: [k, k + 1], fill: faded(stroke) });
				rows.push(only(h), only(l));
			}
			series.push(Object.assign({ stroke, width: 1.6, points: { show: true, size: n > 60 ? 3 : 5, fill: stroke, stroke } }, s.q ? { paths: uPlot.paths.stepped({ align: 1 }) } : {}, join));
			rows.push(only(v));
		}
		const real = v.concat(l, h).filter((x) => x !== null);
		let low = Math.min(...real), high = Math.max(...real);
		const size = high - low || Math.abs(high) * (s.q ? 0.6 : 0.1) || 1, mid = (low + high) / 2;
		for (const m of s.m || []) {
			const at = m.k === "at_most" || m.k === "at_least" ? [m.v] : allowed(s, v, m).filter((x) => x !== null);
			for (const x of at) if (Math.abs(x - mid) <= 2.5 * size) (low = Math.min(low, x)), (high = Math.max(high, x));
		}
		const counts = s.q && s.k === 0 && real.every(Number.isInteger) && high < 1e15;
		const pad = (high - low || size) * 0.12;
		const range = [low >= 0 ? Math.max(0, low - pad) : low - pad, high + pad * 1.6];
		const over = (u) => {
			const c = u.ctx, dpr = uPlot.pxRatio, X = (i) => u.valToPos(i, "x", true), Y = (x) => u.valToPos(x, "y", true);
			c.save();
			c.beginPath();
			c.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
			c.clip();
			c.lineWidth = 1.3 * dpr;
			c.strokeStyle = colour("limit");
			for (const m of s.m || []) {
				c.beginPath();
				if (m.k === "at_most" || m.k === "at_least") {
					c.setLineDash([6 * dpr, 4 * dpr]);
					c.moveTo(u.bbox.left, Y(m.v));
					c.lineTo(u.bbox.left + u.bbox.width, Y(m.v));
				} else {
					c.setLineDash([1.5 * dpr, 3 * dpr]);
					const half = (X(1) - X(0)) / 2 || 10 * dpr;
					allowed(s, v, m).forEach((x, i) => x !== null && (c.moveTo(X(i) - half, Y(x)), c.lineTo(X(i) + half, Y(x))));
				}
				c.stroke();
			}
			c.setLineDash([]);
			c.textAlign = "left";
			c.textBaseline = "alphabetic";
			c.font = 600 + " " + 11 * dpr + "px system-ui, sans-serif";
			let end = -1e9;
			(s.c || []).forEach(([i, text], k) => {
				c.strokeStyle = c.fillStyle = colour(["worse", "better"][s.w[k]] || "changed");
				c.lineWidth = 1.5 * dpr;
				c.beginPath();
				c.moveTo(X(i), u.bbox.top);
				c.lineTo(X(i), u.bbox.top + u.bbox.height);
				c.stroke();
				const w = c.measureText(text).width, right = X(i) + w + 8 * dpr > u.bbox.left + u.bbox.width;
				const x = right ? X(i) - w - 4 * dpr : X(i) + 4 * dpr;
				if (x > end) c.fillText(text, x, u.bbox.top + 11 * dpr), (end = x + w + 4 * dpr);
			});
			c.restore();
		};
		const now = element("div", "", box);
		now.className = "now";
		const shown = (u) => {
			const i = u.cursor.idx;
			if (i === null || i === undefined || v[i] === null) return (now.textContent = "");
			const r = data.r[i];
			now.textContent = r.n + (r.t ? ", " + r.t : "") + ": " + write(v[i], 4) + (s.q ? "" : " (" + write(l[i], 4) + " to " + write(h[i], 4) + ")") + (data.e.length > 1 && !s.j ? ", " + data.e[r.e] : "");
		};
		const longest = Math.max(7, ...data.r.map((r) => Math.min(r.n.length, 14)));
		const plot = new uPlot({
			width: box.clientWidth, height: tall, legend: { show: false }, series, bands, padding: [6, 26, 0, 0], cursor: { drag: { x: false, y: false }, y: false, points: { show: false } },
			scales: { x: { time: false, range: [-0.4, n - 0.6] }, y: { range } },
			axes: axes({
				size: 34, splits: () => {
					const fit = Math.max(1, Math.floor((box.clientWidth - 60) / (longest * 6.5 + 16))), every = Math.ceil(n / fit), at = [];
					for (let i = n - 1; i >= 0; i -= every) at.unshift(i);
					return at;
				}, values: (u, at) => at.map((i) => (data.r[i] ? data.r[i].n.slice(0, 14) + (data.r[i].t ? "\n" + data.r[i].t.slice(0, 7) : "") : "")),
			}, Object.assign({ size: 62, space: 34, values: (u, at) => at.map((x) => write(x, 3, high)) }, counts ? { incrs: [1, 2, 5].flatMap((d) => [...Array(15).keys()].map((e) => d * Math.pow(10, e))).sort((a, b) => a - b) } : {})),
			hooks: { draw: [over], setCursor: [shown] },
		}, rows, box);
		box.append(now);
		return plot;
	};

	// apart leaves out of growing values those whose labels would lie on others, on a logarithmic axis.
	const apart = (all, pixels) => {
		const span = Math.log(all[all.length - 1] / all[0]) || 1, length = pixels > 30 ? 260 : 150;
		return all.filter((x, i) => i === 0 || i === all.length - 1 || (((Math.log(x / all.apart) / span) * length >= pixels && (Math.log(all[all.length - 1] / x) / span) * length >= pixels)) ? ((all.apart = x), true) : false);
	};

	const growth = (box, g) => {
		const write = written(g), first = g.d[0][0], last = g.d[g.d.length - 1][0], at = new Map(g.d);
		const xs = [...new Set([...at.keys(), ...[...Array(13).keys()].map((i) => first * Math.pow(last / first, i / 12))])].sort((a, b) => a - b);
		const stroke = colour("e0"), log = { distr: 3 }, law = (x) => g.f * Math.pow(x, g.x);
		const ys = xs.map(law).concat([...at.values()]);
		return new uPlot({
			width: box.clientWidth, height: tall, legend: { show: false }, cursor: { show: false },
			series: [{}, { stroke: colour("limit"), width: 1.4, dash: [6, 4], points: { show: false } }, { stroke, width: 0, points: { show: true, size: 7, fill: stroke, stroke }, paths: () => null }],
			scales: { x: Object.assign({ time: false, range: [first / 1.15, last * 1.15] }, log), y: Object.assign({ range: [Math.min(...ys) / 1.25, Math.max(...ys) * 1.25] }, log) },
			padding: [6, 26, 0, 0],
			axes: axes({ size: 30, splits: () => apart([...at.keys()], 40), filter: (u, s) => s, values: (u, at) => at.map((x) => digits(x, 3)) },
				{ size: 66, splits: () => apart([...at.values()].sort((a, b) => a - b), 20), filter: (u, s) => s, values: (u, at) => at.map((x) => write(x)) }),
		}, [xs, xs.map(law), xs.map((x) => (at.has(x) ? at.get(x) : null))], box);
	};

	const drawn = new Map();
	const draw = (figure) => {
		const old = drawn.get(figure), box = figure.querySelector(".chart");
		if (old) old.destroy();
		box.replaceChildren();
		if (!box.clientWidth) return drawn.delete(figure);
		const plot = figure.dataset.g === undefined ? history(box, data.s[figure.id.slice(1)]) : growth(box, data.g[figure.dataset.g]);
		box.classList.add("full");
		drawn.set(figure, plot);
	};
	const again = () => [...drawn.keys()].forEach(draw);
	const figures = [...document.querySelectorAll("figure")];
	const seen = new IntersectionObserver((all) => {
		for (const e of all) if (e.isIntersecting && !drawn.has(e.target)) draw(e.target);
	}, { rootMargin: "400px" });
	figures.forEach((f) => seen.observe(f));
	matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
	addEventListener("beforeprint", () => {
		root.classList.add("print");
		for (const f of figures) if (drawn.size < printed && !drawn.has(f)) draw(f);
		again();
	});
	addEventListener("afterprint", () => {
		root.classList.remove("print");
		again();
	});
	let width = root.clientWidth, asked = false;
	new ResizeObserver(() => {
		if (root.clientWidth === width || asked) return;
		asked = true;
		requestAnimationFrame(() => {
			(asked = false), (width = root.clientWidth);
			again();
		});
	}).observe(root);

	// A table that is opened has all releases.
	document.addEventListener("toggle", (e) => {
		const figure = e.target.closest("figure");
		if (!e.target.open || e.target.filled || !figure || figure.dataset.g !== undefined) return;
		e.target.filled = true;
		const s = data.s[figure.id.slice(1)], { v, l, h } = values(s), write = written(s), table = e.target.querySelector("table");
		table.replaceChildren();
		for (let i = v.length - 1; i >= 0; i--) {
			if (v[i] === null) continue;
			const row = element("tr", "", table), r = data.r[i], change = (s.c || []).find((c) => c[0] === i);
			element("td", r.n + (r.t ? ", " + r.t : ""), row);
			element("td", write(v[i], 4) + (s.q ? "" : " (" + write(l[i], 4) + " to " + write(h[i], 4) + ")") + (change ? ", changed " + change[1] : ""), row);
		}
	}, true);

	const find = document.getElementById("find"), input = find.querySelector("input");
	find.hidden = false;
	input.addEventListener("input", () => {
		const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
		let n = 0;
		for (const f of figures) {
			if (f.dataset.g !== undefined) continue;
			const s = data.s[f.id.slice(1)], text = (s.n + " " + s.u).toLowerCase();
			f.hidden = !words.every((w) => text.includes(w));
			if (!f.hidden) n++;
		}
		for (const g of document.querySelectorAll(".group")) g.hidden = !g.querySelector("figure:not([hidden])");
		find.querySelector("span").textContent = words.length ? n + " of " + data.s.length : "";
	});
})();
