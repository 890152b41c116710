import { mount } from "svelte";
import App from "./App.svelte";
import "./app.css";
import "./lib/theme.svelte.js";

const target = document.getElementById("app");
if (target !== null) mount(App, { target });
